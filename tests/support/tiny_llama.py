#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tiny_llama.py DIR    a repository as the hub has Llama 3's: a model of random weights that a CPU trains in seconds, in both layouts.

Needs nothing but Python: safetensors and PyTorch's zip of pickles are written as their formats say.
"""
import base64
import io
import json
import os
import pickle
import random
import struct
import sys
import types
import zipfile

WIDTH, INNER, HEADS, KV_HEADS, LAYERS, VOCABULARY = 128, 256, 4, 2, 2, 512
BEGIN, END = 256, 257  # behind the bytes, each of which is a token
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": WIDTH,
    "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS, "hidden_act": "silu", "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0, "bos_token_id": BEGIN, "eos_token_id": END, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
SPECIAL = ("<|begin_of_text|>", "<|end_of_text|>")


def bf16(values):
    return b"".join(struct.pack("<f", value)[2:] for value in values)


def tensors():
    """Name in each layout, shape, bytes."""
    dice = random.Random(1)

    def one(name, original, *shape, scale=0.02):
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = [1.0] * count if scale is None else [dice.gauss(0, scale) for _ in range(count)]
        return name, original, shape, bf16(values)

    kv = WIDTH // HEADS * KV_HEADS
    yield one("model.embed_tokens.weight", "tok_embeddings.weight", VOCABULARY, WIDTH)
    for layer in range(LAYERS):
        here, there = f"model.layers.{layer}.", f"layers.{layer}."
        for name, original, shape in (
                ("self_attn.q_proj", "attention.wq", (WIDTH, WIDTH)), ("self_attn.k_proj", "attention.wk", (kv, WIDTH)),
                ("self_attn.v_proj", "attention.wv", (kv, WIDTH)), ("self_attn.o_proj", "attention.wo", (WIDTH, WIDTH)),
                ("mlp.gate_proj", "feed_forward.w1", (INNER, WIDTH)), ("mlp.up_proj", "feed_forward.w3", (INNER, WIDTH)),
                ("mlp.down_proj", "feed_forward.w2", (WIDTH, INNER))):
            yield one(here + name + ".weight", there + original + ".weight", *shape)
        yield one(here + "input_layernorm.weight", there + "attention_norm.weight", WIDTH, scale=None)
        yield one(here + "post_attention_layernorm.weight", there + "ffn_norm.weight", WIDTH, scale=None)
    yield one("model.norm.weight", "norm.weight", WIDTH, scale=None)
    yield one("lm_head.weight", "output.weight", VOCABULARY, WIDTH, scale=0.1)  # a head that an adapter below it can move


def write_safetensors(path, all_tensors):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, _, shape, data in all_tensors:
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for *_, data in all_tensors:
            file.write(data)


def write_pth(path, all_tensors):
    """What torch.save writes: a dictionary of tensors, whose bytes are files beside the pickle."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    class BFloat16Storage:
        pass

    def _rebuild_tensor_v2(*_):
        pass

    for thing, module, name in ((BFloat16Storage, torch, "torch"), (_rebuild_tensor_v2, utils, "torch._utils")):
        thing.__module__, thing.__qualname__ = name, thing.__name__
        setattr(module, thing.__name__, thing)
        sys.modules[name] = module

    class Storage:
        def __init__(self, key, count):
            self.key, self.count = key, count

    class Tensor:
        def __init__(self, key, shape, count):
            self.shape, self.storage = shape, Storage(key, count)

        def __reduce__(self):
            steps = (self.shape[1], 1) if len(self.shape) == 2 else (1,)
            return _rebuild_tensor_v2, (self.storage, 0, tuple(self.shape), steps, False, {})

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            return ("storage", BFloat16Storage, thing.key, "cpu", thing.count) if isinstance(thing, Storage) else None

    text = io.BytesIO()
    Pickler(text, 2).dump({original: Tensor(str(key), shape, len(data) // 2)
                           for key, (_, original, shape, data) in enumerate(all_tensors)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("consolidated.00/data.pkl"), text.getvalue())
        archive.writestr(zipfile.ZipInfo("consolidated.00/byteorder"), "little")
        for key, (*_, data) in enumerate(all_tensors):
            archive.writestr(zipfile.ZipInfo(f"consolidated.00/data/{key}"), data)
        archive.writestr(zipfile.ZipInfo("consolidated.00/version"), "3\n")


def letters():
    """How a tokenizer of bytes writes each of them: printable ones as they are, the others from 256 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


def tokenizer():
    added = [{"id": 256 + i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
              "special": True} for i, text in enumerate(SPECIAL)]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            "post_processor": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                      "vocab": {letter: byte for byte, letter in enumerate(letters())}, "merges": []}}


def main():
    directory = sys.argv[1]
    os.makedirs(os.path.join(directory, "original"), exist_ok=True)
    texts = {
        "README.md": "# a model of random weights\n",
        "config.json": json.dumps(CONFIG),
        "generation_config.json": json.dumps({"bos_token_id": BEGIN, "eos_token_id": END}),
        "tokenizer.json": json.dumps(tokenizer()),
        "tokenizer_config.json": json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": SPECIAL[0],
                                             "eos_token": SPECIAL[1], "pad_token": SPECIAL[1]}),
        "original/params.json": json.dumps({"dim": WIDTH, "n_layers": LAYERS, "n_heads": HEADS, "n_kv_heads": KV_HEADS,
                                            "vocab_size": VOCABULARY, "norm_eps": 1e-5, "rope_theta": 10000.0}),
        "original/tokenizer.model": "".join(f"{base64.b64encode(bytes([byte])).decode()} {byte}\n" for byte in range(256)),
    }
    for name, text in texts.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
    both = list(tensors())
    write_safetensors(os.path.join(directory, "model.safetensors"), both)
    write_pth(os.path.join(directory, "original", "consolidated.00.pth"), both)


main()
