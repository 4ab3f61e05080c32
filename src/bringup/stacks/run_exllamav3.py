def generate_exllamav3(torch):
    from exllamav3 import Cache, Config, Generator, Job, Model, Tokenizer

    gpus_or_fail(torch)
    page = 256
    length = (ASK["context"] + page - 1) // page * page
    config = Config.from_directory(ASK["model"])
    model = Model.from_config(config)
    cache = Cache(model, max_num_tokens=length)
    model.load()
    tokenizer = Tokenizer.from_config(config)
    generator = Generator(model=model, cache=cache, tokenizer=tokenizer)
    ids = tokenizer.encode(ASK["prompt"], add_bos=True)

    def job():
        return Job(input_ids=ids, max_new_tokens=tokens_of(ids.shape[-1], length),
                   stop_conditions=[] if ASK["smoke"] else [tokenizer.eos_token_id])

    tell_generated(generator, job)
    end_of_generation(torch)


run(generate_exllamav3)
