#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""By hand, on a machine with a large GPU: a model of Llama-3-8B's exact shape with random weights through the program's own verbs.

Usage: tests/gpu/real_size.py DIR [--python PYTHON] [STEP..]
Makes DIR/model (16 GB; kept when it is there) and runs the steps, all of them when none is named:
  plan                        what `model plan` says
  transformers                a text by transformers' generate, for comparison
  exllamav2 exllamav3         `stack run NAME DIR/model --prompt ...`; of several GPUs each must have a part of the model
  trl-lora torchtune-lora torchtune-full trl-full   `stack run trl lora DIR/model --data ...`: a few steps; the loss must fall, and
                              what PyTorch allocated is held against the plan's figure for the same use, context and batch;
                              on several GPUs the fullest one's, and LoRA is then gone on with from its checkpoint
A checkpoint of the whole model is 48 GB with its optimizer; it is removed after its step. PYTHON (this one) is given to `stack run`.
Generation is held against the time in which the GPU reads the weights once, measured by a copy of 4 GB (bytes read and written).
BRINGUP_GPU_PROGRAM names the program (build/bringup).
"""
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get("BRINGUP_GPU_PROGRAM", os.path.join(HERE, "../../build/bringup"))
CONTEXT = 2048
TOKENS = 200
SHAPE = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 128256, "hidden_size": 4096,
         "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
         "hidden_act": "silu", "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
         "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": False, "torch_dtype": "bfloat16"}
TRAINING = {"trl-lora": ("trl", "lora", 1e-3, 12), "torchtune-lora": ("torchtune", "lora", 1e-3, 12),
            "torchtune-full": ("torchtune", "full", 1e-4, 8), "trl-full": ("trl", "full", 1e-4, 8)}
STEPS = ["plan", "transformers", "exllamav2", "exllamav3", *TRAINING]


def write(directory, name, value):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        json.dump(value, file)


def make_tokenizer(directory, size=SHAPE["vocab_size"]):
    """Byte-level BPE of a small text, filled up to the model's vocabulary with tokens that no text gives."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(vocab_size=512, special_tokens=["<s>", "</s>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([json.dumps(row) for row in rows()], trainer)
    value = json.loads(tokenizer.to_str())
    vocabulary = value["model"]["vocab"]
    for number in range(len(vocabulary), size):
        vocabulary["~%d" % number] = number
    write(directory, "tokenizer.json", value)
    write(directory, "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
                                               "pad_token": "</s>"})


def rows():
    """Longer than the context, so that every step has all of it; easy to learn."""
    return [{"instruction": "Say what the %s does." % name, "input": "", "output": ("the %s runs and " % name) * 900}
            for name in ("cat", "dog", "owl", "fox", "hen", "bee", "ant", "elk")]


def make_model(directory):
    import torch
    from safetensors.torch import save_file

    os.makedirs(directory)
    torch.manual_seed(1)
    h, f, kv, v = 4096, 14336, 1024, 128256
    parts = [{"model.embed_tokens.weight": (v, h)}]
    for first in range(0, 32, 8):
        part = {}
        for layer in range(first, first + 8):
            at = "model.layers.%d." % layer
            part.update({at + "self_attn.q_proj.weight": (h, h), at + "self_attn.k_proj.weight": (kv, h),
                         at + "self_attn.v_proj.weight": (kv, h), at + "self_attn.o_proj.weight": (h, h),
                         at + "mlp.gate_proj.weight": (f, h), at + "mlp.up_proj.weight": (f, h),
                         at + "mlp.down_proj.weight": (h, f), at + "input_layernorm.weight": (h,),
                         at + "post_attention_layernorm.weight": (h,)})
        parts.append(part)
    parts.append({"model.norm.weight": (h,), "lm_head.weight": (v, h)})
    where, size = {}, 0
    for number, part in enumerate(parts):
        name = "model-%05d-of-%05d.safetensors" % (number + 1, len(parts))
        weights = {}
        for key, shape in part.items():
            one = torch.ones(shape, dtype=torch.bfloat16) if len(shape) == 1 else (
                torch.empty(shape, dtype=torch.bfloat16, device="cuda").normal_(0, 0.02).cpu())
            weights[key], where[key] = one, name
            size += one.numel() * 2
        save_file(weights, os.path.join(directory, name), metadata={"format": "pt"})
    write(directory, "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": where})
    write(directory, "config.json", SHAPE)
    write(directory, "generation_config.json", {"bos_token_id": 0, "eos_token_id": 1})
    make_tokenizer(directory)


def program(*words):
    done = subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    try:
        return json.loads(done.stdout), done.stderr
    except ValueError:
        raise RuntimeError("bringup %s: exit %d: %s" % (" ".join(words[:4]), done.returncode, done.stderr[-1500:])) from None


def plan_of(model, context):
    return program("model", "plan", model, "--json", "--context", str(context), "--batch", "1")[0]


def gib(number):
    return "%.2f GiB" % (number / 2**30)


def copy_rate():
    """Bytes a second, read and written."""
    code = ("import torch; a = torch.empty(4 << 30, dtype=torch.uint8, device='cuda').random_(); b = torch.empty_like(a)\n"
            "t = [torch.cuda.Event(enable_timing=True) for _ in range(2)]\n"
            "for _ in range(3): b.copy_(a)\n"
            "t[0].record(); [b.copy_(a) for _ in range(10)]; t[1].record(); torch.cuda.synchronize()\n"
            "print(2 * a.numel() * 10 / t[0].elapsed_time(t[1]) * 1e3)")
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def floor_of(model):
    """Seconds in which the weights that a token needs are read once: all but the embedding."""
    bytes_read = 2 * (plan_of(model, CONTEXT)["parameters"] - SHAPE["vocab_size"] * SHAPE["hidden_size"])
    rate = copy_rate()
    print("  a copy moves %.2f TB/s; %.2f GB of weights a token: at the most %.0f tokens/s" % (
        rate / 1e12, bytes_read / 1e9, rate / bytes_read), flush=True)
    return bytes_read / rate


def show_plan(model):
    told = plan_of(model, CONTEXT)
    print("  plan: %d parameters, %.2f GB on the disk, context %d, batch 1" % (told["parameters"], told["weight_bytes"] / 1e9, CONTEXT))
    for one in told["memory"]:
        print("    %-20s %s in tensors (%s), %s in all%s" % (one["use"], gib(one["allocated_bytes"]), one["moment"],
                                                            gib(one["needed_bytes"]), ", an estimate" if one["estimate"] else ""))


def plan_for(step, model, gpus):
    """On several GPUs trl's LoRA is whole on each; what else is trained is sharded."""
    memory = plan_of(model, CONTEXT)["memory"]
    use = step if gpus == 1 or step == "trl-lora" else TRAINING[step][1] + "-checkpointed"
    return [one for one in memory if one["use"] == use and one["gpus"] == (1 if use == step else gpus)][-1]


def generate(stack, model, python):
    told, talk = program("stack", "run", stack, model, "--prompt", "the cat runs and the cat", "--tokens", str(TOKENS), "--context",
                         str(CONTEXT), "--python", python, "--json")
    if not told["ok"]:
        raise RuntimeError(told["error"] or talk)
    plan = {one["use"]: one for one in plan_of(model, CONTEXT)["memory"]}["inference-bf16"]
    peaks = told["peak_memory"]
    print("  %s: %d tokens, %.1f tokens/s, first after %.3f s; %s in tensors (plan %s), %s taken" % (
        stack, told["tokens"], told["tokens_per_second"], told["prompt_seconds"],
        " + ".join(gib(peak["allocated_bytes"]) for peak in peaks), gib(plan["allocated_bytes"]),
        " + ".join(gib(peak["bytes"]) for peak in peaks)), flush=True)
    least = 0.5 * plan["allocated_bytes"] / len(peaks)
    if any(peak["allocated_bytes"] < least for peak in peaks):
        raise RuntimeError("a GPU has less than %s of the model" % gib(least))


def generate_transformers(model):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    one = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16, device_map="cuda:0")
    tokens = AutoTokenizer.from_pretrained(model)("the cat runs and the cat", return_tensors="pt").input_ids.cuda()
    for count in (8, TOKENS):
        begin = time.monotonic()
        out = one.generate(tokens, max_new_tokens=count, min_new_tokens=count, do_sample=False)
        torch.cuda.synchronize()
        seconds = time.monotonic() - begin
    made = out.shape[1] - tokens.shape[1]
    print("  transformers: %d tokens, %.1f tokens/s with the prompt; %s in tensors" % (
        made, made / seconds, gib(torch.cuda.max_memory_allocated())), flush=True)


def goes_on(before, run):
    told, talk = run
    if not told["ok"]:
        raise RuntimeError("resumed: " + (told["error"] or "") + talk[-1500:])
    print("  resumed: step %d, loss %.3f -> %.3f" % (told["steps"], told["first_loss"], told["last_loss"]), flush=True)
    return told["first_loss"] < 0.5 * (before["first_loss"] + before["last_loss"])


def train(step, model, directory, python):
    stack, method, rate, steps = TRAINING[step]
    data, output = os.path.join(directory, "rows.jsonl"), os.path.join(directory, "out")
    with open(data, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows())
    shutil.rmtree(output, ignore_errors=True)
    words = ("stack", "run", stack, method, model, "--data", data, "--output", output, "--context", str(CONTEXT), "--learning-rate",
             str(rate), "--python", python, "--json")
    try:
        told, talk = program(*words, "--steps", str(steps))
        if not told["ok"]:
            raise RuntimeError((told["error"] or "") + talk[-1500:])
        gpus = len(told["peak_memory"])
        again = gpus == 1 or method != "lora" or goes_on(told, program(*words, "--steps", "2", "--resume"))
    finally:
        shutil.rmtree(output, ignore_errors=True)
    plan = plan_for(step, model, gpus)
    peak = max(told["peak_memory"], key=lambda one: one["allocated_bytes"])
    off = plan["allocated_bytes"] / peak["allocated_bytes"] - 1
    fell = told["last_loss"] < 0.9 * told["first_loss"] and again
    print("  %s %s: loss %.3f -> %.3f in %d steps, %s tokens/s; %s in tensors, plan %s (%s): %+.1f %%; %s taken; %d GPU(s)" % (
        "ok  " if fell else "FAIL", step, told["first_loss"], told["last_loss"], told["steps"],
        told["tokens_per_second"] and round(told["tokens_per_second"]), gib(peak["allocated_bytes"]), gib(plan["allocated_bytes"]),
        plan["moment"], off * 100, gib(peak["bytes"]), gpus), flush=True)
    return fell


def main():
    words = sys.argv[1:]
    python = sys.executable
    if "--python" in words:
        at = words.index("--python")
        python = words[at + 1]
        del words[at:at + 2]
    if not words or any(word not in STEPS for word in words[1:]):
        sys.exit(__doc__)
    directory, steps = words[0], words[1:] or STEPS
    model = os.path.join(directory, "model")
    begin = time.monotonic()
    if not os.path.exists(os.path.join(model, "tokenizer_config.json")):
        shutil.rmtree(model, ignore_errors=True)
        make_model(model)
        print("  the model was made in %.0f s" % (time.monotonic() - begin), flush=True)
    failures = 0
    if any(step in ("exllamav2", "exllamav3", "transformers") for step in steps):
        floor_of(model)
    for step in steps:
        begin = time.monotonic()
        try:
            if step == "plan":
                show_plan(model)
            elif step == "transformers":
                generate_transformers(model)
            elif step in TRAINING:
                failures += not train(step, model, directory, python)
            else:
                generate(step, model, python)
        except Exception as error:  # told, and the next step has its turn
            failures += 1
            print("  FAIL %s: %s" % (step, error), flush=True)
        print("       (%s: %.0f s)" % (step, time.monotonic() - begin), flush=True)
    print("%d failures" % failures)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
