def tune_module():
    """What the recipe's configuration names: a logger that tells, a tokenizer that reads tokenizer.json."""
    import types

    from tokenizers import Tokenizer
    from torchtune.modules.transforms import Transform
    from torchtune.modules.transforms.tokenizers import ModelTokenizer, tokenize_messages_no_special_tokens

    class Tells:
        def __init__(self, before, more, **others):
            self.meter = Meter(before, more)
            self.before = before
            self.first = None

        def log_config(self, config):
            pass

        def log(self, name, data, step):
            pass

        def log_dict(self, payload, step):
            if "loss" not in payload:
                return
            self.first = step if self.first is None else self.first
            speed = payload.get("tokens_per_second_per_gpu")
            speed = None if speed is None else float(speed) * WORLD
            self.meter.step(self.before + step - self.first + 1, payload["loss"], speed=speed)

        def close(self):
            pass

    class Tokens(ModelTokenizer, Transform):
        def __init__(self, directory, max_seq_len):
            with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
                config = json.load(file)
            self.tokenizer = Tokenizer.from_file(os.path.join(directory, "tokenizer.json"))
            one = lambda value: value[0] if isinstance(value, list) else value
            self.bos_id, self.eos_id = one(config["bos_token_id"]), one(config["eos_token_id"])
            self.pad_id, self.max_seq_len = self.eos_id, max_seq_len

        def encode(self, text, add_bos=True, add_eos=True, **others):
            ids = self.tokenizer.encode(text, add_special_tokens=False).ids
            return [self.bos_id] * add_bos + ids + [self.eos_id] * add_eos

        def decode(self, ids, **others):
            return self.tokenizer.decode(ids)

        def tokenize_messages(self, messages, *, add_eos=True, **others):
            return tokenize_messages_no_special_tokens(tokenizer=self, messages=messages, bos_id=self.bos_id,
                                                       eos_id=self.eos_id if add_eos else None)

        def __call__(self, sample, inference=False):
            tokens, mask = self.tokenize_messages(sample.pop("messages"), add_eos=not inference)
            return {**sample, "tokens": tokens, "mask": mask}

    module = types.ModuleType("bringup_tune")
    module.Tells, module.Tokens = Tells, Tokens
    sys.modules["bringup_tune"] = module


def model_of(config, lora):
    if config.get("model_type") != "llama":
        raise ValueError("torchtune is set up here for Llama 3 kinds of model, and this is '%s'; stack trl takes others"
                         % config.get("model_type"))
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    base = config.get("rope_theta") or rope.get("rope_theta") or 500000.0
    fields = {"vocab_size": config["vocab_size"], "num_layers": config["num_hidden_layers"],
              "num_heads": config["num_attention_heads"], "embed_dim": config["hidden_size"],
              "num_kv_heads": config.get("num_key_value_heads") or config["num_attention_heads"],
              "max_seq_len": config["max_position_embeddings"], "intermediate_dim": config["intermediate_size"],
              "rope_base": int(base), "norm_eps": config.get("rms_norm_eps", 1e-5)}
    kind = "llama3"
    if config.get("tie_word_embeddings"):
        kind = "llama3_2"
    elif rope.get("rope_type", rope.get("type")) == "llama3":
        kind = "llama3_1"
    if kind != "llama3":
        fields["scale_factor"] = int(rope.get("factor", 8))
    if lora:
        fields.update(lora_attn_modules=["q_proj", "k_proj", "v_proj", "output_proj"], apply_lora_to_mlp=True,
                      lora_rank=16, lora_alpha=32, lora_dropout=0.0)
    name = ("lora_" if lora else "") + kind
    return {"_component_": "torchtune.models.%s.%s" % (kind, name), **fields}, kind


class Enough(Exception):
    pass


def stop_after(epoch):
    """Recipes keep the optimizer only between epochs: they are asked for one more, and stopped when it begins."""
    from torch.utils.data.distributed import DistributedSampler

    begin = DistributedSampler.set_epoch

    def set_epoch(self, number):
        if number > epoch:
            raise Enough
        begin(self, number)

    DistributedSampler.set_epoch = set_epoch


def epochs_done(output):
    done = [int(name[6:]) for name in (os.listdir(output) if os.path.isdir(output) else [])
            if name.startswith("epoch_") and name[6:].isdigit()]
    return max(done) + 1 if done else 0


def train_torchtune(torch):
    import glob
    import runpy

    import torchtune
    import yaml

    lora = ASK["method"] == "lora"
    with open(os.path.join(ASK["model"], "config.json"), encoding="utf-8") as file:
        model, kind = model_of(json.load(file), lora)
    before = epochs_done(ASK["output"])
    if ASK["resume"] and before == 0:
        raise FileNotFoundError(ASK["output"] + ": no checkpoint to resume from")
    before = before if ASK["resume"] else 0
    os.makedirs(ASK["output"], exist_ok=True)
    rows = rows_of(ASK["data"])
    more = steps_of(rows)
    rows = rows * (more * ASK["batch"] * WORLD // len(rows) + 1)
    data = os.path.join(ASK["output"], "rows.json")
    if RANK == 0:
        with open(data + ".new", "w", encoding="utf-8") as file:
            json.dump(rows, file)
        os.replace(data + ".new", data)
    cuda = torch.cuda.is_available()
    bf16 = cuda and torch.cuda.is_bf16_supported(including_emulation=False)
    files = sorted(os.path.basename(one) for one in glob.glob(os.path.join(ASK["model"], "*.safetensors")))
    names = [one for one in files if not one.startswith("consolidated")]
    if ASK["resume"] and not lora:
        last = "epoch_%d" % (before - 1)
        found = glob.glob(os.path.join(ASK["output"], last, "*.safetensors"))
        names = sorted(os.path.join(last, os.path.basename(one)) for one in found)
    config = {
        "output_dir": ASK["output"], "seed": 1, "shuffle": True, "batch_size": ASK["batch"],
        "epochs": before + 2, "max_steps_per_epoch": more, "gradient_accumulation_steps": 1,
        "model": model,
        "tokenizer": {"_component_": "bringup_tune.Tokens", "directory": ASK["model"],
                      "max_seq_len": ASK["context"]},
        "dataset": {"_component_": "torchtune.datasets.alpaca_dataset", "source": "json", "data_files": data,
                    "packed": False, "train_on_input": False},
        "checkpointer": {"_component_": "torchtune.training.FullModelHFCheckpointer",
                         "checkpoint_dir": ASK["model"], "checkpoint_files": names, "recipe_checkpoint": None,
                         "output_dir": ASK["output"], "model_type": "LLAMA3_2" if kind == "llama3_2" else "LLAMA3"},
        "resume_from_checkpoint": ASK["resume"], "save_adapter_weights_only": False,
        "optimizer": {"_component_": "torch.optim.AdamW", "lr": ASK["learning_rate"], "fused": cuda},
        "lr_scheduler": {"_component_": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
                         "num_warmup_steps": 1} if lora else None,
        "loss": {"_component_": "torchtune.modules.loss.CEWithChunkedOutputLoss"},
        "optimizer_in_bwd": False, "clip_grad_norm": None, "compile": False, "device": "cuda" if cuda else "cpu",
        "enable_activation_checkpointing": cuda, "enable_activation_offloading": False,
        "dtype": "bf16" if bf16 else "fp32", "log_every_n_steps": 1, "log_peak_memory_stats": False,
        "metric_logger": {"_component_": "bringup_tune.Tells", "before": before * more, "more": more},
        "profiler": {"_component_": "torchtune.training.setup_torch_profiler", "enabled": False}}
    if not lora:
        del config["lr_scheduler"]
    path = os.path.join(ASK["output"], "recipe.%d.yaml" % RANK)
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(config, file)
    tune_module()
    stop_after(before)
    recipe = "%s_finetune_%s.py" % (ASK["method"], "distributed" if WORLD > 1 else "single_device")
    place = os.path.join(os.path.dirname(os.path.dirname(torchtune.__file__)), "recipes", recipe)
    sys.argv = [place, "--config", path]
    try:
        runpy.run_path(place, run_name="__main__")
    except Enough:
        pass
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    end_of_training(torch, os.path.join(ASK["output"], "epoch_%d" % (epochs_done(ASK["output"]) - 1)))


run(train_torchtune)
