def deal_out_exllamav2(torch, model):
    from exllamav2.device import ExLlamaV2DeviceContext

    model.config.max_input_len = min(model.config.max_input_len, model.config.max_seq_len)
    model.load(gpu_split=[1024] * torch.cuda.device_count(), lazy=True)
    room = max(context.scratch_bytes for context in model.device_context if context is not None)
    model.device_context = [ExLlamaV2DeviceContext(model, gpu, room) for gpu in range(torch.cuda.device_count())]
    with torch.inference_mode():
        model.modules[0].load()  # the embeddings, which stay on the CPU
        for module, gpu in dealt_out(torch, model.modules[1:]):
            module.set_device_idx(gpu)
            module.load()
    model.set_cache_map()


def generate_exllamav2(torch):
    from exllamav2 import ExLlamaV2, ExLlamaV2Cache, ExLlamaV2Config, ExLlamaV2Tokenizer
    from exllamav2.generator import ExLlamaV2DynamicGenerator, ExLlamaV2DynamicJob, ExLlamaV2Sampler

    gpus_or_fail(torch)
    config = ExLlamaV2Config(ASK["model"])
    config.arch_compat_overrides(quiet=True)
    length = min(ASK["context"], config.max_seq_len)
    config.max_seq_len = length
    model = ExLlamaV2(config)
    if spreads(torch):
        deal_out_exllamav2(torch, model)
        cache = ExLlamaV2Cache(model, max_seq_len=length)
    else:
        cache = ExLlamaV2Cache(model, max_seq_len=length, lazy=True)
        model.load_autosplit(cache)
    check_spread(torch, {module.device_idx for module in model.modules})
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
