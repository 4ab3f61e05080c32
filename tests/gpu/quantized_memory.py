#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""By hand, on a machine with a GPU, with transformers, peft and bitsandbytes: that `bringup model plan` says what a model in 8 or 4 bits
allocates, within 5 %.

Usage: tests/gpu/quantized_memory.py [--cpu] [--tell FILE] [SHAPE..]
model_memory.py's four Llama-like models and families.py's dense ones, with random weights: each is written to a file and loaded by transformers
in bitsandbytes' int8, and in its nf4 without double quantization, as trl's configuration has it. Prefill of a whole context and one more token;
of nf4 also a LoRA step with checkpointing (QLoRA: peft on every linear layer, adapters in bf16, transformers' own loss, AdamW).
torch.cuda.max_memory_allocated() is held against the "allocated_bytes" of `bringup model plan DIR --json`.
--tell writes what was measured as JSON. --cpu only runs it all on very small models, and measures nothing.
BRINGUP_GPU_PROGRAM names the program (build/bringup).
"""
import gc
import json
import subprocess
import sys
import tempfile

import torch
import transformers

import families
import model_memory

SHAPES = {name: dict(c, model_type="llama", max_position_embeddings=8192) for name, c in model_memory.SHAPES.items()}
# gemma2: transformers 5.24 has no sdpa for it
SHAPES.update({name: dict(c, model_type=name) for name, c in families.FAMILIES.items()
               if "num_experts_per_tok" not in c and name != "gemma2"})
# (context, batch); else families.py's
LENGTHS = {"tied-gqa": ((512, 1), (2048, 2)), "untied-gqa": ((1024, 1), (4096, 1)), "mha": ((512, 2), (1024, 4))}
USES = {"inference-int8": "int8", "inference-int4": "nf4", "qlora-checkpointed": "nf4"}
TINY = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=256)


def write_weights(directory, c, device):
    torch.manual_seed(1)
    sizes = {key: value for key, value in c.items() if key not in ("context", "batch", "model_type")}
    config = transformers.AutoConfig.for_model(c["model_type"], bos_token_id=0, eos_token_id=1, **sizes)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    torch.set_default_dtype(before)
    model.save_pretrained(directory)


def planned(directory, length):
    words = [model_memory.PROGRAM, "model", "plan", directory, "--json", "--context", str(length[0]), "--batch", str(length[1])]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if not done.stdout:
        sys.exit("bringup model plan: exit %d: %s" % (done.returncode, done.stderr))
    return {one["use"]: one for one in json.loads(done.stdout)["memory"] if one["gpus"] == 1}


def load(directory, kind, device):
    bits = {"int8": dict(load_in_8bit=True), "nf4": dict(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)}
    return transformers.AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.bfloat16, attn_implementation="sdpa", device_map={"": device},
        quantization_config=transformers.BitsAndBytesConfig(**bits[kind]))


def infer(model, tokens):
    model.eval()
    with torch.inference_mode():
        out = model(tokens[:, :-1], use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
        del out
        model(tokens[:, -1:], past_key_values=cache, use_cache=True, logits_to_keep=1)


def adapted(model):
    """As trl prepares it: what is not quantized stays in bf16, and the adapters become so."""
    from peft import LoraConfig, get_peft_model

    for one in model.parameters():
        one.requires_grad_(False)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model.enable_input_require_grads()
    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"))
    for one in model.parameters():
        if one.requires_grad:
            one.data = one.data.to(torch.bfloat16)
    return model


def step(model, tokens):
    model.train()
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-5, fused=tokens.is_cuda)
    for _ in range(2):
        model(input_ids=tokens, labels=tokens, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def measured(directory, c, use, length, device):
    """Bytes at the fullest moment, and those of the model alone."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    held = torch.cuda.memory_allocated() if device == "cuda" else 0
    model = load(directory, USES[use], device)
    gc.collect()
    alone = torch.cuda.memory_allocated() - held if device == "cuda" else 0
    trains = use.startswith("qlora")
    if trains:
        model = adapted(model)
    tokens = torch.randint(0, c["vocab_size"], (length[1], length[0]), device=device)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    (step if trains else infer)(model, tokens)
    if device == "cpu":
        return 0, 0
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - held, alone


def held_against_plan(name, use, length, real, said):
    off = said["allocated_bytes"] / real - 1
    good = abs(off) <= model_memory.ALLOWED
    print("  %s  %-11s %-18s %4d x %d  measured %6.0f MiB, planned %6.0f MiB, %+5.1f %%  (%s)" % (
        "ok  " if good else "FAIL", name, use, length[0], length[1], real / 2**20, said["allocated_bytes"] / 2**20, off * 100,
        said["moment"]), flush=True)
    return int(not good)


def check(name, c, device, told):
    failures = 0
    with tempfile.TemporaryDirectory() as directory:
        write_weights(directory, c, device)
        for length in LENGTHS.get(name, ((families.CONTEXT, families.BATCH),) if device == "cuda" else ((16, 2),)):
            plan = planned(directory, length)
            for use in (use for use in USES if use in plan):
                try:
                    real, alone = measured(directory, c, use, length, device)
                except Exception as error:  # one that cannot run here is told and does not end the others
                    print("  FAIL  %s %s: %s: %s" % (name, use, type(error).__name__, str(error)[:300]), flush=True)
                    failures += 1
                    continue
                told.append(dict(shape=name, use=use, context=length[0], batch=length[1], measured=real, model=alone))
                if device == "cuda":
                    failures += held_against_plan(name, use, length, real, plan[use])
    return failures


def main():
    words = sys.argv[1:]
    device = "cpu" if "--cpu" in words else "cuda"
    file = words[words.index("--tell") + 1] if "--tell" in words[:-1] else None
    names = [word for word in words if word in SHAPES] or list(SHAPES)
    if any(word not in SHAPES and word not in ("--cpu", "--tell", file) for word in words):
        sys.exit(__doc__)
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("no GPU that PyTorch can use")
    import bitsandbytes
    import peft

    print("torch %s, transformers %s, peft %s, bitsandbytes %s, %s" % (
        torch.__version__, transformers.__version__, peft.__version__, bitsandbytes.__version__,
        "the CPU, nothing is measured" if device == "cpu" else torch.cuda.get_device_name(0)), flush=True)
    if device == "cuda":
        torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)  # what is allocated once is allocated before
    told, failures = [], 0
    for name in names:
        failures += check(name, dict(SHAPES[name], **TINY) if device == "cpu" else SHAPES[name], device, told)
    if file:
        with open(file, "w", encoding="utf-8") as out:
            json.dump(told, out)
    print("%d failures" % failures)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
