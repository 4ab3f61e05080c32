# SPDX-License-Identifier: Apache-2.0
# Run inside a stack's environment with one JSON object as its argument: what to train, on what, where to; or what to generate.
# Tells what happens as JSON lines; everything else that libraries print goes to standard error.
import json
import math
import os
import sys
import time

ASK = json.loads(sys.argv[1])
RANK = int(os.environ.get("RANK", "0"))
WORLD = int(os.environ.get("WORLD_SIZE", "1"))
TOLD = 1
os.environ["HF_HUB_OFFLINE"] = "1"  # the model is a directory here
os.environ["HF_DATASETS_CACHE"] = os.path.join(ASK["output"], "cache")
os.environ["TOKENIZERS_PARALLELISM"] = "false"


def tell(event, **fields):
    line = json.dumps({"event": event, **fields}) + "\n"
    os.write(TOLD, line.encode())


def fail(text):
    tell("error", text=str(text)[:2000])
    os._exit(1)


def take_stdout():
    global TOLD
    sys.stdout.flush()
    TOLD = os.dup(1)
    os.dup2(2, 1)


def rows_of(path):
    rows = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip():
                row = json.loads(line)
                rows.append({key: row.get(key) or "" for key in ("instruction", "input", "output")})
    return rows


def prompt_of(row):
    middle = "\n\n### Input:\n" + row["input"] if row["input"] else ""
    return "### Instruction:\n" + row["instruction"] + middle + "\n\n### Response:\n"


def steps_of(rows):
    each = ASK["batch"] * WORLD
    return ASK["steps"] or max(1, (len(rows) + each - 1) // each)


class Meter:
    """Steps, losses and tokens as they come, from rank 0."""

    def __init__(self, before, more):
        self.before, self.of, self.then = before, before + more, time.monotonic()

    def step(self, step, loss, tokens=None, speed=None):
        now = time.monotonic()
        seconds, self.then = now - self.then, now
        if speed is None and tokens is not None:
            speed = tokens / max(seconds, 1e-9)
        loss = float(loss)
        if RANK == 0:
            tell("step", step=step, of=self.of, loss=loss if math.isfinite(loss) else None, seconds=seconds,
                 tokens_per_second=speed)


def tell_memory(torch, gpu):
    tell("memory", gpu=gpu, peak_bytes=torch.cuda.max_memory_reserved(gpu),
         allocated_bytes=torch.cuda.max_memory_allocated(gpu))


def end_of_training(torch, checkpoint):
    if torch.cuda.is_available():
        gpu = torch.cuda.current_device()
        tell_memory(torch, gpu)
    if RANK == 0:
        tell("checkpoint", path=checkpoint)


def gpus_or_fail(torch):
    if not torch.cuda.is_available() or torch.cuda.device_count() == 0:
        raise RuntimeError("it runs on NVIDIA GPUs alone, and PyTorch sees none")


def tokens_of(prompt, length):
    if prompt + 2 > length:
        raise ValueError("the prompt has %d tokens, which leaves no room in a context of %d" % (prompt, length))
    return min(ASK["tokens"], length - prompt - 1)


def spreads(torch):
    """Whether the model is dealt out over the GPUs; libraries would fill the first, and leave the others idle."""
    return ASK["smoke"] or torch.cuda.device_count() > 1


def dealt_out(torch, parts):
    """Parts in a row go to one GPU, as many as its share of the free memory; a smoke's in equal shares."""
    gpus = range(torch.cuda.device_count())
    free = [1 if ASK["smoke"] else 1 + torch.cuda.mem_get_info(gpu)[0] for gpu in gpus]
    ends = [2 * len(parts) * sum(free[:gpu + 1]) for gpu in gpus]
    total = sum(free)
    return [(part, next(gpu for gpu in gpus if (2 * index + 1) * total < ends[gpu])) for index, part in enumerate(parts)]


def tell_generated(generator, job):
    """What is generated, piece by piece; of a smoke twice, and both must be the same."""
    texts = []
    for turn in range(2 if ASK["smoke"] else 1):
        text, last = "", {}
        generator.enqueue(job())
        while generator.num_remaining_jobs():
            for result in generator.iterate():
                if result["stage"] != "streaming":
                    continue
                last = result
                piece = result.get("text", "")
                text += piece
                if piece and not ASK["smoke"]:
                    tell("text", text=piece)
        texts.append(text)
    if not last.get("eos"):
        raise RuntimeError("the generator ended without an end")
    if len(set(texts)) != 1:
        raise RuntimeError("the same prompt gave two texts: %r and %r" % (texts[0][:80], texts[1][:80]))
    tell("generated", prompt_tokens=int(last["prompt_tokens"]), tokens=int(last["new_tokens"]),
         prompt_seconds=float(last["time_prefill"]), seconds=float(last["time_generate"]))


def check_spread(torch, devices):
    """`devices`: the GPU that each part of the model is on; of a smoke's all must have one, and memory for it."""
    gpus = range(torch.cuda.device_count())
    idle = [str(gpu) for gpu in gpus if gpu not in devices or torch.cuda.memory_allocated(gpu) == 0]
    if ASK["smoke"] and idle:
        raise RuntimeError("nothing of the model is on GPU " + ", ".join(idle))


def end_of_generation(torch):
    for gpu in range(torch.cuda.device_count()):
        tell_memory(torch, gpu)


def make_model(directory, layers=2):
    """A Llama of random weights that is small enough for a CPU, with a tokenizer trained on its own data."""
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    os.makedirs(directory, exist_ok=True)
    animals = ["cat", "dog", "owl", "fox", "hen", "bee", "ant", "elk"]
    rows = [{"instruction": "Say what the %s does %d times." % (name, n), "input": "",
             "output": " ".join(["the %s runs" % name] * n)} for name in animals for n in range(1, 9)]
    data = os.path.join(directory, "data.jsonl")
    with open(data, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=512, special_tokens=["<s>", "</s>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([prompt_of(row) + row["output"] for row in rows], trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.save(os.path.join(directory, "tokenizer.json"))
    vocabulary, width, heads, inner = 512, 128, 4, 256
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": vocabulary,
              "hidden_size": width, "intermediate_size": inner, "num_hidden_layers": layers,
              "num_attention_heads": heads, "num_key_value_heads": 2, "hidden_act": "silu",
              "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
              "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": False,
              "torch_dtype": "bfloat16"}
    texts = {"config.json": config,
             "generation_config.json": {"bos_token_id": 0, "eos_token_id": 1},
             "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>",
                                       "eos_token": "</s>", "pad_token": "</s>"}}
    for name, value in texts.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            json.dump(value, file)
    torch.manual_seed(1)

    def random(*shape, scale=0.02):
        return (torch.randn(*shape) * scale).to(torch.bfloat16)

    # a head that an adapter below it can move
    weights = {"model.embed_tokens.weight": random(vocabulary, width),
               "lm_head.weight": random(vocabulary, width, scale=0.1),
               "model.norm.weight": torch.ones(width, dtype=torch.bfloat16)}
    for layer in range(layers):
        at = "model.layers.%d." % layer
        for name, shape in {"self_attn.q_proj": (width, width), "self_attn.k_proj": (width // 2, width),
                            "self_attn.v_proj": (width // 2, width), "self_attn.o_proj": (width, width),
                            "mlp.gate_proj": (inner, width), "mlp.up_proj": (inner, width),
                            "mlp.down_proj": (width, inner)}.items():
            weights[at + name + ".weight"] = random(*shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[at + name + ".weight"] = torch.ones(width, dtype=torch.bfloat16)
    save_file(weights, os.path.join(directory, "model.safetensors"), metadata={"format": "pt"})
    return data


def begin():
    """Makes what is to be made, and becomes one process a GPU when there are several."""
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if "RANK" not in os.environ:
        if ASK["smoke"] and not os.path.exists(os.path.join(ASK["model"], "model.safetensors")):
            make_model(ASK["model"], 2 * max(1, gpus if ASK["method"] == "generate" else 1))
        if gpus > 1 and ASK["method"] != "generate":
            words = sys.orig_argv
            script = words[words.index("-c") + 1]
            os.execv(sys.executable, [sys.executable, "-I", "-m", "torch.distributed.run", "--standalone",
                                      "--nproc-per-node", str(gpus), "--no-python", sys.executable, "-I", "-B",
                                      "-c", script, sys.argv[1]])
    take_stdout()
    if gpus:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if RANK == 0:
        tell("begin", torch=torch.__version__, processes=WORLD,
             gpus=[torch.cuda.get_device_name(i) for i in range(gpus)])
    return torch


def run(train):
    try:
        torch = begin()
        train(torch)
        if RANK == 0:
            tell("end")
    except Exception as error:  # the reason belongs to the person who waits, the trace to standard error
        import traceback

        traceback.print_exc()
        kind = type(error).__name__
        fail("%s: %s" % (kind, error))
