def generate_exllamav2(torch):
    from exllamav2 import ExLlamaV2, ExLlamaV2Cache, ExLlamaV2Config, ExLlamaV2Tokenizer
    from exllamav2.generator import ExLlamaV2DynamicGenerator, ExLlamaV2DynamicJob, ExLlamaV2Sampler

    gpus_or_fail(torch)
    config = ExLlamaV2Config(ASK["model"])
    config.arch_compat_overrides(quiet=True)
    length = min(ASK["context"], config.max_seq_len)
    config.max_seq_len = length
    model = ExLlamaV2(config)
    cache = ExLlamaV2Cache(model, max_seq_len=length, lazy=True)
    model.load_autosplit(cache)
    tokenizer = ExLlamaV2Tokenizer(config)
    generator = ExLlamaV2DynamicGenerator(model=model, cache=cache, tokenizer=tokenizer, paged=False)
    ids = tokenizer.encode(ASK["prompt"], add_bos=True)
    greedy = ExLlamaV2Sampler.Settings.greedy()

    def job():
        return ExLlamaV2DynamicJob(
            input_ids=ids, max_new_tokens=tokens_of(ids.shape[-1], length), seed=1,
            gen_settings=greedy if ASK["smoke"] else ExLlamaV2Sampler.Settings(),
            stop_conditions=[] if ASK["smoke"] else [tokenizer.eos_token_id])

    tell_generated(generator, job)
    end_of_generation(torch)


run(generate_exllamav2)
