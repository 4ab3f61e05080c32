#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""By hand, on a machine with a GPU: that `bringup model plan` says what PyTorch really allocates, within 5 %.

Usage: tests/gpu/model_memory.py [--meta] [--keep DIR] [SHAPE..]
Four Llama-like models with random weights, built of plain PyTorch as Hugging Face's Llama computes them. Of each: prefill of a whole
context and one more token, a LoRA step and a full step with AdamW, both with and without checkpointing.
torch.cuda.max_memory_allocated() is held against the "allocated_bytes" of `bringup model plan DIR --json`.
--meta needs no GPU: tensors without contents, whose storages are counted as they come and go. It sees no workspace inside a kernel.
BRINGUP_GPU_PROGRAM names the program (build/bringup).
"""
import json
import os
import subprocess
import sys
import tempfile
import weakref

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.checkpoint import checkpoint

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get("BRINGUP_GPU_PROGRAM", os.path.join(HERE, "../../build/bringup"))
ALLOWED = 0.05
RANK = 16

# Like Llama 3.2 1B, TinyLlama 1.1B, an older model without shared heads, and one with so small a vocabulary that the loss is not the fullest.
SHAPES = {
    "tied-gqa": dict(hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8,
                     vocab_size=128256, tie_word_embeddings=True, context=2048, batch=2),
    "untied-gqa": dict(hidden_size=2048, intermediate_size=5632, num_hidden_layers=22, num_attention_heads=32, num_key_value_heads=4,
                       vocab_size=32000, tie_word_embeddings=False, context=4096, batch=1),
    "mha": dict(hidden_size=1536, intermediate_size=4096, num_hidden_layers=12, num_attention_heads=12, num_key_value_heads=12,
                vocab_size=50304, tie_word_embeddings=False, context=1024, batch=4),
    "few-tokens": dict(hidden_size=2048, intermediate_size=8192, num_hidden_layers=8, num_attention_heads=32, num_key_value_heads=8,
                       vocab_size=8192, tie_word_embeddings=False, context=2048, batch=2),
}


class Norm(nn.Module):
    """Root mean square in fp32, as Hugging Face's Llama has it."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        kind = x.dtype
        x = x.to(torch.float32)
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)
        return self.weight * x.to(kind)


class Linear(nn.Module):
    """A linear layer, with an adapter when `rank` is not 0: then only the adapter learns."""

    def __init__(self, width, out, rank):
        super().__init__()
        self.base = nn.Linear(width, out, bias=False)
        self.rank = rank
        if rank:
            self.base.weight.requires_grad_(False)
            self.down = nn.Linear(width, rank, bias=False)
            self.up = nn.Linear(rank, out, bias=False)

    def forward(self, x):
        if not self.rank:
            return self.base(x)
        result = self.base(x)
        return result + self.up(self.down(x)) * 2.0


def turned(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sin


class Layer(nn.Module):
    def __init__(self, c, rank):
        super().__init__()
        h, f = c["hidden_size"], c["intermediate_size"]
        self.heads, self.shared = c["num_attention_heads"], c["num_key_value_heads"]
        self.width = h // self.heads
        self.norm1, self.norm2 = Norm(h), Norm(h)
        self.q = Linear(h, h, rank)
        self.k = Linear(h, self.shared * self.width, rank)
        self.v = Linear(h, self.shared * self.width, rank)
        self.o = Linear(h, h, rank)
        self.gate, self.up, self.down = Linear(h, f, rank), Linear(h, f, rank), Linear(f, h, rank)

    def split(self, x, heads):
        return x.view(x.shape[0], x.shape[1], heads, self.width).transpose(1, 2)

    def attention(self, x, turn, cache):
        x = self.norm1(x)
        q, k, v = self.split(self.q(x), self.heads), self.split(self.k(x), self.shared), self.split(self.v(x), self.shared)
        q, k = turned(q, *turn), turned(k, *turn)
        if cache is not None:
            if cache:
                k, v = torch.cat((cache[0], k), dim=2), torch.cat((cache[1], v), dim=2)
            cache[:] = [k, v]
        causal = q.shape[2] > 1
        if q.device.type == "meta":
            out = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, 0.0, causal)[0]
        else:
            out = F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=self.heads != self.shared)
        return self.o(out.transpose(1, 2).reshape(x.shape[0], x.shape[1], -1))

    def forward(self, x, turn, cache=None):
        left = x
        x = self.attention(x, turn, cache)
        x = left + x
        left = x
        x = self.norm2(x)
        x = self.down(F.silu(self.gate(x)) * self.up(x))
        return left + x


class Model(nn.Module):
    def __init__(self, c, rank=0, again=False):
        super().__init__()
        h = c["hidden_size"]
        self.again = again
        self.width = h // c["num_attention_heads"]
        self.embed = nn.Embedding(c["vocab_size"], h)
        self.layers = nn.ModuleList(Layer(c, rank) for _ in range(c["num_hidden_layers"]))
        self.norm = Norm(h)
        self.head = nn.Linear(h, c["vocab_size"], bias=False)
        if c["tie_word_embeddings"]:
            self.head.weight = self.embed.weight
        if rank:
            for name, one in self.named_parameters():
                one.requires_grad_(".down.weight" in name and ".base" not in name or ".up.weight" in name and ".base" not in name)

    def turn(self, begin, length, like):
        place = torch.arange(begin, begin + length, device=like.device, dtype=torch.float32)
        angle = place[:, None] * (10000.0 ** (-torch.arange(0, self.width, 2, device=like.device) / self.width))
        angle = torch.cat((angle, angle), dim=-1)[None, None]
        return angle.cos().to(like.dtype), angle.sin().to(like.dtype)

    def forward(self, tokens, caches=None, begin=0, last_only=False):
        x = self.embed(tokens)
        if self.again and not x.requires_grad:
            x.requires_grad_(True)
        turn = self.turn(begin, tokens.shape[1], x)
        for i, layer in enumerate(self.layers):
            if self.again:
                x = checkpoint(layer, x, turn, use_reentrant=False)
            else:
                x = layer(x, turn, None if caches is None else caches[i])
        x = self.norm(x)
        if last_only:
            x = x[:, -1:]
        return self.head(x)


class Meter(TorchDispatchMode):
    """Bytes of all living storages, where no allocator counts them."""

    def __init__(self):
        super().__init__()
        self.now = self.most = 0
        self.seen = weakref.WeakKeyDictionary()

    def note(self, tensor):
        storage = tensor.untyped_storage()
        if storage in self.seen:
            return
        size = storage.nbytes()
        self.seen[storage] = size
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self.gone, size)

    def gone(self, size):
        self.now -= size

    def fresh(self):
        self.most = self.now

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for one in tree_iter(out):
            if isinstance(one, torch.Tensor):
                self.note(one)
        return out


def loss_of(logits, tokens):
    """As Hugging Face's causal loss: everything in fp32, labels moved by one."""
    labels = F.pad(tokens, (0, 1), value=-100)[:, 1:].reshape(-1)
    logits = logits.float().view(-1, logits.shape[-1])
    return F.cross_entropy(logits, labels, ignore_index=-100)


def infer(make, tokens, fresh):
    model = make(rank=0, again=False)
    fresh()
    caches = [[] for _ in model.layers]
    with torch.inference_mode():
        logits = model(tokens[:, :-1], caches, 0, last_only=True)
        del logits
        model(tokens[:, -1:], caches, tokens.shape[1] - 1, last_only=True)


def step(make, tokens, fresh, rank, again):
    model = make(rank=rank, again=again)
    fresh()
    learning = [one for one in model.parameters() if one.requires_grad]
    if tokens.device.type == "meta":
        optimizer = torch.optim.AdamW(learning, lr=1e-5, foreach=False, fused=False)
    else:
        optimizer = torch.optim.AdamW(learning, lr=1e-5, fused=True)
    for _ in range(2):
        loss_of(model(tokens), tokens).backward()
        if tokens.device.type == "meta":
            states = [(torch.zeros_like(one), torch.zeros_like(one)) for one in learning] if _ == 0 else states
        else:
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)


USES = {
    "inference-bf16": infer,
    "lora": lambda make, tokens, fresh: step(make, tokens, fresh, RANK, False),
    "lora-checkpointed": lambda make, tokens, fresh: step(make, tokens, fresh, RANK, True),
    "full": lambda make, tokens, fresh: step(make, tokens, fresh, 0, False),
    "full-checkpointed": lambda make, tokens, fresh: step(make, tokens, fresh, 0, True),
}


def measured(use, c, device):
    def make(rank, again):
        with torch.device(device):
            before = torch.get_default_dtype()
            torch.set_default_dtype(torch.bfloat16)
            model = Model(c, rank, again)
            torch.set_default_dtype(before)
        return model

    if device == "meta":
        with Meter() as meter:
            USES[use](make, torch.zeros((c["batch"], c["context"]), dtype=torch.long, device=device), meter.fresh)
        return meter.most
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    USES[use](make, torch.randint(0, c["vocab_size"], (c["batch"], c["context"]), device=device),
              torch.cuda.reset_peak_memory_stats)
    most = torch.cuda.max_memory_allocated() - held
    torch.cuda.synchronize()
    return most


def header_of(c):
    """Names and shapes as a checkpoint of the Hub has them."""
    h, f, kv = c["hidden_size"], c["intermediate_size"], c["hidden_size"] // c["num_attention_heads"] * c["num_key_value_heads"]
    shapes = {"model.embed_tokens.weight": [c["vocab_size"], h], "model.norm.weight": [h]}
    if not c["tie_word_embeddings"]:
        shapes["lm_head.weight"] = [c["vocab_size"], h]
    for i in range(c["num_hidden_layers"]):
        for name, shape in (("self_attn.q_proj", [h, h]), ("self_attn.k_proj", [kv, h]), ("self_attn.v_proj", [kv, h]),
                            ("self_attn.o_proj", [h, h]), ("mlp.gate_proj", [f, h]), ("mlp.up_proj", [f, h]), ("mlp.down_proj", [h, f]),
                            ("input_layernorm", [h]), ("post_attention_layernorm", [h])):
            shapes["model.layers.%d.%s.weight" % (i, name)] = shape
    tensors, at = {}, 0
    for name, shape in shapes.items():
        size = 2
        for one in shape:
            size *= one
        tensors[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    return tensors, at


def write_model(directory, c):
    """A model directory as the Hub gives it; the weights are a hole in the file."""
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16",
              "max_position_embeddings": c["context"], "rms_norm_eps": 1e-5, "rope_theta": 10000.0}
    config.update({key: value for key, value in c.items() if key not in ("context", "batch")})
    with open(os.path.join(directory, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    tensors, size = header_of(c)
    header = json.dumps(tensors).encode()
    with open(os.path.join(directory, "model.safetensors"), "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)


def planned(c, directory):
    done = subprocess.run([PROGRAM, "model", "plan", directory, "--json", "--context", str(c["context"]), "--batch", str(c["batch"])], capture_output=True, text=True, check=False)
    if not done.stdout:
        sys.exit("bringup model plan: exit %d: %s" % (done.returncode, done.stderr))
    return {one["use"]: one for one in json.loads(done.stdout)["memory"] if one["gpus"] == 1}


def main():
    words = sys.argv[1:]
    device = "meta" if "--meta" in words else "cuda"
    names = [word for word in words if word in SHAPES] or list(SHAPES)
    if any(word not in SHAPES and word != "--meta" for word in words):
        sys.exit(__doc__)
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("no GPU that PyTorch can use: --meta counts without one")
    what = "counted without a GPU" if device == "meta" else torch.cuda.get_device_name(0)
    print("torch %s, %s" % (torch.__version__, what), flush=True)
    if device == "cuda":
        torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)  # what is allocated once is allocated before
    failures = 0
    for name in names:
        c = SHAPES[name]
        with tempfile.TemporaryDirectory() as directory:
            write_model(directory, c)
            plan = planned(c, directory)
        for use in USES:
            real, said = measured(use, c, device), plan[use]["allocated_bytes"]
            off = said / real - 1
            failures += abs(off) > ALLOWED
            print("  %s  %-11s %-18s measured %6.0f MiB, planned %6.0f MiB, %+5.1f %%  (%s)" % (
                "ok  " if abs(off) <= ALLOWED else "FAIL", name, use, real / 2**20, said / 2**20, off * 100, plan[use]["moment"]), flush=True)
    print("%d failures" % failures)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
