def train_trl(torch):
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from transformers.trainer_utils import get_last_checkpoint
    from trl import SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(ASK["model"])
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    rows = rows_of(ASK["data"])
    pairs = Dataset.from_list([{"prompt": prompt_of(row), "completion": row["output"]} for row in rows])
    last = get_last_checkpoint(ASK["output"]) if ASK["resume"] and os.path.isdir(ASK["output"]) else None
    if ASK["resume"] and last is None:
        raise FileNotFoundError(ASK["output"] + ": no checkpoint to resume from")
    before = 0
    if last:
        with open(os.path.join(last, "trainer_state.json"), encoding="utf-8") as file:
            before = json.load(file)["global_step"]
    more = steps_of(rows)
    cuda = torch.cuda.is_available()
    bf16 = cuda and torch.cuda.is_bf16_supported(including_emulation=False)
    lora = ASK["method"] == "lora"
    shard = WORLD > 1 and not lora
    arguments = dict(
        output_dir=ASK["output"], max_steps=before + more, per_device_train_batch_size=ASK["batch"],
        learning_rate=ASK["learning_rate"], lr_scheduler_type="constant", logging_steps=1,
        save_strategy="steps", save_steps=before + more, save_total_limit=2, report_to="none",
        disable_tqdm=True, max_length=ASK["context"], use_cpu=not cuda, bf16=bf16, seed=1,
        gradient_checkpointing=cuda and not shard, dataloader_num_workers=0)
    if shard:
        arguments.update(fsdp=True, fsdp_config={"activation_checkpointing": True})
    dtype = torch.bfloat16 if bf16 else torch.float32
    model = AutoModelForCausalLM.from_pretrained(ASK["model"], dtype=dtype)
    adapter = None
    if lora:
        from peft import LoraConfig

        adapter = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    meter = Meter(before, more)

    class Tells(TrainerCallback):
        tokens = 0.0

        def on_log(self, args, state, control, logs=None, **others):
            if logs and "loss" in logs:
                tokens = logs.get("num_tokens")
                new = None if tokens is None else tokens - self.tokens
                self.tokens = tokens or self.tokens
                meter.step(state.global_step, logs["loss"], new)

    trainer = SFTTrainer(model=model, args=SFTConfig(**arguments), train_dataset=pairs,
                         processing_class=tokenizer, peft_config=adapter, callbacks=[Tells()])
    trainer.train(resume_from_checkpoint=last)
    end_of_training(torch, get_last_checkpoint(ASK["output"]) or ASK["output"])


run(train_trl)
