#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""By hand, on a machine with a GPU: that `bringup model plan --for "NxGPU"` says what each of N GPUs allocates that train fully sharded, within
5 %.

Usage: tests/gpu/sharded_memory.py [--cpu] [SHAPE..]
One process is rank 0 of 2 and of 8 by a process group that moves nothing (PyTorch's own "fake" one), so its tensors have the sizes that they have
among that many GPUs, and their contents mean nothing. What NCCL itself takes, and what several GPUs do to each other, is not seen.
FSDP2 (fully_shard on every layer and on the whole) around model_memory.py's models, checkpointed: LoRA and all of it, AdamW, all in bf16.
--cpu only runs it all on a very small model, and measures nothing.
BRINGUP_GPU_PROGRAM names the program (build/bringup).
"""
import gc
import json
import subprocess
import sys
import tempfile

import torch
import torch.distributed as dist
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.testing._internal.distributed.fake_pg import FakeStore

import model_memory

GPUS = (2, 8)
GPU = "H200 141GB"
TINY = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, vocab_size=256,
            tie_word_embeddings=False, context=32, batch=1)
USES = {"lora-checkpointed": model_memory.RANK, "full-checkpointed": 0}


def sharded(c, rank, mesh, device):
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model = model_memory.Model(c, rank, False)
    torch.set_default_dtype(before)
    for i, layer in enumerate(model.layers):
        model.layers[i] = fully_shard(checkpoint_wrapper(layer), mesh=mesh)
    return fully_shard(model, mesh=mesh)


def steps(model, tokens):
    learning = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-5, fused=tokens.is_cuda)
    for _ in range(2):
        model_memory.loss_of(model(tokens), tokens).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def measured(use, c, mesh, device):
    gc.collect()
    on_gpu = device == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
    held = torch.cuda.memory_allocated() if on_gpu else 0
    model = sharded(c, USES[use], mesh, device)
    tokens = torch.randint(0, c["vocab_size"], (c["batch"], c["context"]), device=device)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    steps(model, tokens)
    if not on_gpu:
        return 0
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - held


def planned(c, gpus):
    with tempfile.TemporaryDirectory() as directory:
        model_memory.write_model(directory, c)
        done = subprocess.run([model_memory.PROGRAM, "model", "plan", directory, "--json", "--for", "%dx %s" % (gpus, GPU), "--context",
                               str(c["context"]), "--batch", str(c["batch"])], capture_output=True, text=True, check=False)
    if not done.stdout:
        sys.exit("bringup model plan: exit %d: %s" % (done.returncode, done.stderr))
    return {one["use"]: one for one in json.loads(done.stdout)["memory"] if one["gpus"] == gpus}


def check(name, c, gpus, device):
    mesh = init_device_mesh(device, (gpus,))
    plan = planned(c, gpus)
    failures = 0
    for use in USES:
        real, said = measured(use, c, mesh, device), plan[use]["allocated_bytes"]
        if device == "cpu":
            continue
        off = said / real - 1
        failures += abs(off) > model_memory.ALLOWED
        print("  %s  %-11s %-18s 1 of %d  measured %6.0f MiB, planned %6.0f MiB, %+5.1f %%  (%s)" % (
            "ok  " if abs(off) <= model_memory.ALLOWED else "FAIL", name, use, gpus, real / 2**20, said / 2**20, off * 100,
            plan[use]["moment"]), flush=True)
    return failures


def main():
    words = sys.argv[1:]
    device = "cpu" if "--cpu" in words else "cuda"
    names = [word for word in words if word in model_memory.SHAPES] or list(model_memory.SHAPES)
    if any(word not in model_memory.SHAPES and word != "--cpu" for word in words):
        sys.exit(__doc__)
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("no GPU that PyTorch can use")
    print("torch %s, %s" % (torch.__version__, "the CPU, nothing is measured" if device == "cpu" else torch.cuda.get_device_name(0)), flush=True)
    if device == "cuda":
        torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)  # what is allocated once is allocated before
    failures = 0
    for gpus in GPUS:
        dist.init_process_group(backend="fake", store=FakeStore(), rank=0, world_size=gpus)
        for name in names[:1] if device == "cpu" else names:
            failures += check(name, TINY if device == "cpu" else model_memory.SHAPES[name], gpus, device)
        dist.destroy_process_group()
    print("%d failures" % failures)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
