def deal_out_exllamav3(torch, model):
    load = model._load_single

    def each(progress, device, config, modules, verbose):
        for module, gpu in dealt_out(torch, modules):
            load(progress, torch.device("cuda", gpu), config, [module], verbose)

    model._load_single = each
    model.load(device="cuda:0")


def generate_exllamav3(torch):
    from exllamav3 import Cache, Config, Generator, GreedySampler, Job, Model, Tokenizer

    gpus_or_fail(torch)
    page = 256
    length = (ASK["context"] + page - 1) // page * page
    chunk = min(length, 2048)  # what is measured while it loads must fit into the cache
    config = Config.from_directory(ASK["model"])
    model = Model.from_config(config)
    cache = Cache(model, max_num_tokens=length)
    if spreads(torch):
        deal_out_exllamav3(torch, model)
    else:
        model.load(max_chunk_size=chunk)
    check_spread(torch, {module.device.index for module in model.modules if module.device.type == "cuda"})
    tokenizer = Tokenizer.from_config(config)
    generator = Generator(model=model, cache=cache, tokenizer=tokenizer, max_chunk_size=chunk)
    ids = tokenizer.encode(ASK["prompt"], add_bos=True)

    def job():
        return Job(input_ids=ids, max_new_tokens=tokens_of(ids.shape[-1], length),
                   sampler=GreedySampler() if ASK["smoke"] else None,
                   stop_conditions=None if ASK["smoke"] else config.eos_token_id_list)

    tell_generated(generator, job)
    end_of_generation(torch)


run(generate_exllamav3)
