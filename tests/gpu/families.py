#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""By hand, on a machine with a GPU, with transformers and peft: that `bringup model plan` says of each family what transformers' own
modules allocate, within 5 %.

Usage: tests/gpu/families.py [--train PYTHON] [FAMILY..]
A model of each family with random weights, smaller than the real ones: prefill of a whole context and one more token; where the plan
tells of training, a LoRA step (peft, adapters in bf16) and a full one with AdamW, both with and without checkpointing.
torch.cuda.max_memory_allocated() is held against "allocated_bytes".
--train: instead of that a very small model of each dense family is trained by `stack run trl lora` with PYTHON; its loss must fall.
BRINGUP_GPU_PROGRAM names the program (build/bringup).
"""
import gc
import json
import os
import subprocess
import sys
import tempfile

import torch
import transformers

import real_size

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get("BRINGUP_GPU_PROGRAM", os.path.join(HERE, "../../build/bringup"))
ALLOWED = 0.05


def shape(hidden, inner, layers, heads, shared, vocabulary, **more):
    return dict(hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads,
                num_key_value_heads=shared, vocab_size=vocabulary, max_position_embeddings=8192, **more)


FAMILIES = {
    "mistral": shape(2048, 7168, 12, 16, 4, 32768, sliding_window=1024),
    "qwen2": shape(1536, 8960, 14, 12, 2, 151936, tie_word_embeddings=True),
    "qwen3": shape(1024, 3072, 28, 16, 8, 151936, head_dim=128, tie_word_embeddings=True),
    "gemma2": shape(2304, 9216, 8, 8, 4, 65536, head_dim=256, sliding_window=1024),
    "gemma3_text": shape(1152, 6912, 18, 4, 1, 65536, head_dim=256, sliding_window=512),
    "phi3": shape(3072, 8192, 10, 24, 8, 32064, sliding_window=None, pad_token_id=0),
    "mixtral": shape(2048, 4096, 8, 16, 4, 32000, num_local_experts=8, num_experts_per_tok=2, sliding_window=None),
    "qwen3_moe": shape(2048, 6144, 8, 32, 4, 65536, head_dim=128, moe_intermediate_size=768, num_experts=64, num_experts_per_tok=8),
}
CONTEXT, BATCH = 2048, 2


def build(name, **more):
    config = transformers.AutoConfig.for_model(name, **FAMILIES[name])
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa", **more)
    torch.set_default_dtype(before)
    return model


def write_model(directory, model):
    """A directory as the Hub gives it; the weights are a hole in the file."""
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(directory)
    tensors, seen, at = {}, set(), 0
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() in seen:
            continue
        seen.add(tensor.data_ptr())
        size = 2 * tensor.numel()
        tensors[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [at, at + size]}
        at += size
    header = json.dumps(tensors).encode()
    with open(os.path.join(directory, "model.safetensors"), "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + at)


def planned(directory):
    done = subprocess.run([PROGRAM, "model", "plan", directory, "--json", "--context", str(CONTEXT), "--batch", str(BATCH)],
                          capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError("bringup model plan: exit %d: %s" % (done.returncode, done.stderr))
    return {one["use"]: one for one in json.loads(done.stdout)["memory"] if not one["estimate"]}


def infer(model, tokens):
    model.eval()
    with torch.inference_mode():
        out = model(tokens[:, :-1], use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
        del out
        model(tokens[:, -1:], past_key_values=cache, use_cache=True, logits_to_keep=1)


def step(model, tokens, lora, again):
    model.train()
    if again:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        if lora:
            model.enable_input_require_grads()
    if lora:
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
                               autocast_adapter_dtype=False)
    learning = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-5, fused=True)
    for _ in range(2):
        model(input_ids=tokens, labels=tokens, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


USES = {"inference-bf16": infer}
for use_name, how in {"lora": (True, False), "lora-checkpointed": (True, True), "full": (False, False),
                      "full-checkpointed": (False, True)}.items():
    USES[use_name] = lambda model, tokens, how=how: step(model, tokens, *how)


def measured(name, use):
    gc.collect()
    torch.cuda.empty_cache()
    held = torch.cuda.memory_allocated()
    model = build(name)
    tokens = torch.randint(0, FAMILIES[name]["vocab_size"], (BATCH, CONTEXT), device="cuda")
    torch.cuda.reset_peak_memory_stats()
    USES[use](model, tokens)
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - held


def check(name, use, plan):
    try:
        real = measured(name, use)
    except Exception as error:  # one that cannot run here is told and does not end the others
        print("  FAIL %-11s %-18s %s: %s" % (name, use, type(error).__name__, str(error)[:200]), flush=True)
        return 1
    said = plan["allocated_bytes"]
    off = said / real - 1
    print("  %s %-11s %-18s measured %6.0f MiB, planned %6.0f MiB, %+5.1f %%  (%s)" % (
        "ok  " if abs(off) <= ALLOWED else "FAIL", name, use, real / 2**20, said / 2**20, off * 100, plan["moment"]), flush=True)
    return int(abs(off) > ALLOWED)


def train(name, python):
    """A very small model of the family through `stack run trl lora`."""
    small = dict(FAMILIES[name], hidden_size=512, intermediate_size=1024, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, vocab_size=2048, head_dim=128, bos_token_id=0, eos_token_id=1, pad_token_id=1)
    with tempfile.TemporaryDirectory() as directory:
        torch.manual_seed(1)
        model = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(name, **small), dtype=torch.bfloat16)
        torch.nn.init.normal_(model.get_output_embeddings().weight, std=0.1)  # a head that an adapter below it can move
        model.save_pretrained(directory)
        real_size.make_tokenizer(directory, small["vocab_size"])
        data = os.path.join(directory, "rows.jsonl")
        with open(data, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(dict(row, output=row["output"][:400])) + "\n" for row in real_size.rows())
        words = ["stack", "run", "trl", "lora", directory, "--data", data, "--output", os.path.join(directory, "out"), "--steps", "20",
                 "--batch", "4", "--learning-rate", "5e-3", "--python", python, "--json"]
        told, talk = real_size.program(*words)
    fell = told["ok"] and told["last_loss"] < 0.9 * told["first_loss"]
    print("  %s %-11s trl lora: %s" % ("ok  " if fell else "FAIL", name, (told["error"] or talk[-500:]) if not told["ok"] else
                                       "loss %.3f -> %.3f" % (told["first_loss"], told["last_loss"])), flush=True)
    return int(not fell)


def main():
    words = sys.argv[1:]
    python = words[1] if words[:1] == ["--train"] and len(words) > 1 else None
    names = words[2 if python else 0:] or list(FAMILIES)
    if any(name not in FAMILIES for name in names):
        sys.exit(__doc__)
    if not torch.cuda.is_available():
        sys.exit("no GPU that PyTorch can use")
    print("torch %s, transformers %s, %s, context %d, batch %d" % (
        torch.__version__, transformers.__version__, torch.cuda.get_device_name(0), CONTEXT, BATCH), flush=True)
    torch.ones(8, 8, device="cuda") @ torch.ones(8, 8, device="cuda")  # what is allocated once is allocated before
    failures = 0
    if python:
        dense = [name for name in names if "num_experts_per_tok" not in FAMILIES[name]]
        failures = sum(train(name, python) for name in dense)
        print("%d failures" % failures)
        sys.exit(1 if failures else 0)
    for name in names:
        with tempfile.TemporaryDirectory() as directory:
            model = build(name)
            write_model(directory, model)
            print("  %s: %d parameters" % (name, sum(one.numel() for one in model.parameters())), flush=True)
            del model
            plan = planned(directory)
        for use in USES:
            if use in plan:
                failures += check(name, use, plan[use])
    print("%d failures" % failures)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
