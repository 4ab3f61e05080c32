#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""By hand, on a machine with a GPU and PYTHON's exllamav2 and exllamav3: a small model of random weights, quantized by their own converters,
through `model plan` and `stack run`.

Usage: tests/gpu/quantized.py PYTHON [exllamav2|exllamav3]
BRINGUP_GPU_PROGRAM names the program (build/bringup).
"""
import os
import subprocess
import sys
import tempfile

import torch
import transformers

import real_size

VOCABULARY = 4096
CONVERTERS = {
    "exllamav2": "import runpy; runpy.run_module('exllamav2.conversion.convert_exl2', run_name='__main__')",
    "exllamav3": "from exllamav3.conversion import convert_model as c; a, state, ok, why = c.prepare(c.parser.parse_args())\n"
                 "if not ok: raise SystemExit(why)\nc.main(a, state)",
}
WORDS = {
    "exllamav2": ["-i", "IN", "-o", "WORK", "-cf", "OUT", "-b", "4.0", "-r", "4", "-mr", "2", "-l", "512", "-ml", "512"],
    "exllamav3": ["-i", "IN", "-w", "WORK", "-o", "OUT", "-b", "4.0", "-cr", "8", "-cc", "512"],
}


def make(directory):
    torch.manual_seed(1)
    config = transformers.LlamaConfig(vocab_size=VOCABULARY, hidden_size=1024, intermediate_size=2048, num_hidden_layers=4,
                                      num_attention_heads=8, num_key_value_heads=4, max_position_embeddings=2048, bos_token_id=0,
                                      eos_token_id=1)
    transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(directory)
    real_size.write(directory, "config.json", dict(real_size.SHAPE, vocab_size=VOCABULARY, hidden_size=1024, intermediate_size=2048,
                                                   num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=4,
                                                   max_position_embeddings=2048))
    real_size.make_tokenizer(directory, VOCABULARY)


def convert(stack, python, directory):
    place = {"IN": os.path.join(directory, "model"), "WORK": os.path.join(directory, "work-" + stack),
             "OUT": os.path.join(directory, stack)}
    for key in ("WORK", "OUT"):
        os.makedirs(place[key], exist_ok=True)
    words = [place.get(word, word) for word in WORDS[stack]]
    done = subprocess.run([python, "-c", CONVERTERS[stack], *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode != 0 or not os.path.exists(os.path.join(place["OUT"], "config.json")):
        raise RuntimeError("the converter: exit %d: %s" % (done.returncode, done.stdout[-1500:]))
    return place["OUT"]


def check(stack, python, directory):
    model = convert(stack, python, directory)
    plan = subprocess.run([real_size.PROGRAM, "model", "plan", model], capture_output=True, text=True, check=False)
    print(plan.stdout + "  model plan: exit %d" % plan.returncode)
    told, talk = real_size.program("stack", "run", stack, model, "--prompt", "the cat runs", "--tokens", "60", "--context", "512",
                                   "--python", python, "--json")
    if not told["ok"] or plan.returncode != 7:
        raise RuntimeError((told["error"] or "") + talk[-1000:] + plan.stderr)
    print("  ok   %s: %d tokens, %.1f tokens/s, %.1f MiB in tensors" % (
        stack, told["tokens"], told["tokens_per_second"], told["peak_memory"][0]["allocated_bytes"] / 2**20), flush=True)


def main():
    stacks = sys.argv[2:] or list(CONVERTERS)
    if len(sys.argv) < 2 or any(stack not in CONVERTERS for stack in stacks):
        sys.exit(__doc__)
    failures = 0
    with tempfile.TemporaryDirectory() as directory:
        make(os.path.join(directory, "model"))
        for stack in stacks:
            try:
                check(stack, sys.argv[1], directory)
            except Exception as error:  # told, and the next has its turn
                failures += 1
                print("  FAIL %s: %s" % (stack, error), flush=True)
    print("%d failures" % failures)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
