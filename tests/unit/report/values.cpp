// SPDX-License-Identifier: Apache-2.0
#include <unit/report/values.hpp>

namespace bringup::report_testing {

facts::PcieLink link() {
  return {.generation = 1, .max_generation = 5, .width = 16, .max_width = 16};
}

facts::NvmlGpu full_nvml_gpu(int index, const std::string& pci, const std::string& words) {
  return {.index = index,
          .pci = pci,
          .name = words,
          .uuid = words,
          .compute_capability = words,
          .memory_bytes = std::uint64_t{150'000'000'000},
          .memory_used_bytes = std::uint64_t{1},
          .link = link(),
          .persistence = true,
          .mig = true,
          .ecc = false,
          .ecc_uncorrected = std::uint64_t{2},
          .power_limit_watts = 600.0,
          .power_default_watts = 700.0,
          .power_watts = 75.5,
          .temperature_celsius = 30.0,
          .nvlinks_active = 18,
          .processes = 1,
          .bar1_bytes = std::uint64_t{1} << 38U,
          .row_remap_pending = true,
          .row_remap_failed = true,
          .clock_reasons = std::uint64_t{1}};
}

facts::PciFunction full_function(const std::string& address, facts::PciKind kind, const std::string& words) {
  return {.address = address,
          .kind = kind,
          .device_id = 0x2335,
          .subsystem_vendor = 0x10de,
          .subsystem_device = 0x18be,
          .class_code = 0x030200,
          .name = words,
          .architecture = words,
          .compute_capability = words,
          .kernel_driver = std::optional<std::string>(words),
          .link = link(),
          .numa_node = 1,
          .iommu = words,
          .aer_errors = std::uint64_t{0},
          .aer_corrected = std::uint64_t{0}};
}

void fill_software(facts::Machine& m, const std::string& words) {
  m.driver = {.loaded = std::optional(facts::LoadedModule{.version = words, .flavour = facts::Flavour::open}),
              .nouveau_loaded = true,
              .modules = {{.kernel = words,
                           .path = words,
                           .version = words,
                           .flavour = facts::Flavour::open,
                           .signer = words,
                           .built_for = words,
                           .versioned = true}},
              .libcuda = {words},
              .libnvml = {words},
              .foreign = words};
  m.packages = {
      .manager = words,
      .list =
          std::vector<facts::Package>{
              {.name = words, .version = words, .architecture = words, .held = true, .broken = true}},
      .archive_components = {words},
      .archive_uris = {words},
      .archive_signed_by = words,
      .interrupted = true};
  m.toolkits = {{.path = words, .version = words, .origin = words}};
  m.pythons = {{.path = words, .version = words, .venv = false}};
  m.managers = {{.kind = words, .path = words, .version = words}};
  m.envs = {{.path = words,
             .python = words,
             .version = words,
             .kind = words,
             .site_packages = words,
             .packages = {{.name = words, .version = words}},
             .torch = words,
             .variant = words}};
  m.shells = {.installed = {words},
              .settings = {{.file = words, .line = 3, .variable = words, .text = words}},
              .environment = {{.file = words, .line = 0, .variable = words, .text = words}}};
  m.disks = {{.path = words, .free_bytes = 1, .total_bytes = 2}};
  m.sources = {{.name = words, .url = words, .answered_seconds = 0.045},
               {.name = words, .url = words, .answered_seconds = Error(Errc::unreachable, words)}};
}

facts::Boot full_boot(const std::string& words) {
  facts::Boot boot;
  boot.loader = words;
  boot.entries =
      std::vector<facts::BootEntry>{{.id = words, .title = words, .number = words, .release = words}};
  boot.wanted = words;
  boot.saved = words;
  boot.once = words;
  boot.modprobe = std::vector<facts::ConfigLine>{{.file = words, .line = 3, .text = words}};
  boot.loads = std::vector<std::string>{words};
  boot.loaded = std::vector<std::string>{words};
  boot.rivals = {words};
  boot.dkms = std::vector<facts::DkmsBuild>{{.name = words, .version = words, .kernel = words}};
  boot.enabled = std::vector<std::string>{words};
  boot.reboot_required = true;
  boot.reboot_required_by = {words};
  boot.signing_key = std::optional(facts::SigningKey{.path = words, .trust = words});
  boot.unattended = facts::Unattended{.on = true, .origins = {words}, .never = {words}};
  boot.dnf_automatic = boot.unattended;
  return boot;
}

facts::Machine full_machine(const std::string& words) {
  facts::Machine m;
  m.os = {.id = words, .version = words, .codename = words, .name = words, .like = {words}};
  m.kernel = {.running = words,
              .installed = {{.release = words, .bootable = true, .headers = true}},
              .command_line = words};
  m.arch = words;
  m.glibc = words;
  m.gcc = words;
  m.secure_boot = true;
  m.container = std::optional<std::string>(words);
  m.hypervisor = words;
  m.user = {.name = words, .home = words, .uid = 1000, .gid = 1000, .root = false};
  m.memory_bytes = 1;
  m.cpus = 2;
  m.numa_nodes = 2;
  m.shm_bytes = std::uint64_t{1};
  m.memlock_bytes = std::int64_t{-1};
  m.open_files = std::int64_t{-1};
  m.swap_bytes = std::uint64_t{1};
  m.remove_ipc = true;
  m.clock_synchronized = true;
  m.xids = std::vector<facts::XidLine>{{.pci = words, .number = 79, .times = 2, .text = words}};
  m.gsp_firmware = std::vector<std::string>{words};
  m.library_paths = std::vector<facts::ConfigLine>{{.file = words, .line = 3, .text = words}};
  m.boot = full_boot(words);
  m.pci = {full_function("0000:06:00.0", facts::PciKind::gpu, words),
           full_function("0000:07:00.0", facts::PciKind::nvswitch, words)};
  m.pci_visible = true;
  m.proc_gpus = {words};
  m.nvml = facts::NvmlSnapshot{.driver_version = words,
                               .nvml_version = words,
                               .cuda_driver_version = 13000,
                               .library_path = words,
                               .gpus = {full_nvml_gpu(0, "0000:06:00.0", words)}};
  for (facts::Count* count :
       {&m.counts.pci, &m.counts.driver, &m.counts.nvml, &m.counts.cuda, &m.counts.pytorch})
    *count = {.gpus = 1, .how = words};
  fill_software(m, words);
  return m;
}

std::vector<steps::Step> every_kind_of_step(const std::string& words) {
  const std::vector<steps::Kind> kinds{
      steps::WriteFile{.path = words, .text = words},
      steps::EditBlock{.path = words, .name = words, .text = words},
      steps::FetchFile{.url = words, .path = words, .sha256 = words, .fingerprint = words},
      steps::InstallPackages{
          .manager = words, .packages = {words, words}, .dnf_module = words, .builds_for = {words}},
      steps::HoldPackages{.manager = words, .packages = {words}},
      steps::LoadModule{.module = words},
      steps::EnableService{.service = words, .now = true},
      steps::EnrolKey{.certificates = {words, words}},
      steps::InstallFromRepositoryFile{
          .path = words, .sha256 = std::string(64, 'a'), .packages = {words, words}},
      steps::InstallUv{.path = words, .python = words, .version = words},
      steps::InstallConda{.path = words, .url = words, .sha256 = words, .size = 1, .config = words},
      steps::CreateEnv{.path = words, .tool = words, .manager = words, .python = words},
      steps::InstallWheels{.env = words,
                           .tool = words,
                           .manager = words,
                           .packages = {words},
                           .index_url = words,
                           .variant = words},
      steps::FetchModelFile{.endpoint = words,
                            .repo = words,
                            .commit = words,
                            .file = words,
                            .directory = words,
                            .size = 1,
                            .sha256 = words,
                            .git_sha = words}};
  std::vector<steps::Step> out;
  for (const steps::Kind& kind : kinds)
    out.push_back(
        {.id = words, .kind = kind, .why = words, .changes = words, .needs = {words}, .as_user = true});
  return out;
}

diagnose::Diagnosis full_diagnosis(const std::string& words) {
  return {
      .findings = {{.id = words,
                    .severity = diagnose::Severity::fail,
                    .title = words,
                    .why = words,
                    .evidence = {{.source = words, .text = words}, {.source = words, .text = "a\n" + words}},
                    .fix = {.summary = words, .steps = every_kind_of_step(words)},
                    .gpus = {words}}},
      .rules_run = 1,
      .not_run = {{.id = words, .why = words}}};
}

resolve::Choice full_choice(const std::string& words) {
  return {.driver = {.action = resolve::Action::install,
                     .branch = 580,
                     .version = words,
                     .flavour = facts::Flavour::proprietary,
                     .source = words,
                     .packages = {words},
                     .headers = {words},
                     .kernels = {words},
                     .dnf_module = words,
                     .hold = {words}},
          .toolkit = {.action = resolve::Action::install,
                      .version = words,
                      .source = words,
                      .packages = {words},
                      .bin = words},
          .python = {.manager = words,
                     .manager_path = words,
                     .version = words,
                     .interpreter = words,
                     .packages = {words}},
          .envs = {{.name = words,
                    .path = words,
                    .action = resolve::Action::install,
                    .packages = {{.name = "torch", .version = words, .variant = words, .index = words},
                                 {.name = words, .version = words, .variant = words, .index = words}}}},
          .reasons = {{.about = "driver", .text = words, .source = words},
                      {.about = words, .text = words, .source = words}},
          .notices = {{.id = words, .text = words}}};
}

resolve::Conflict full_conflict(const std::string& words) {
  return {.set = {{.what = words, .why = words}},
          .could_change = {words},
          .reasons = {{.about = words, .text = words, .source = words}}};
}

std::vector<facts::Verdict> full_verdicts(const std::string& words) {
  std::vector<facts::Verdict> out;
  for (const auto outcome :
       {facts::Outcome::pass, facts::Outcome::info, facts::Outcome::warn, facts::Outcome::fail,
        facts::Outcome::inconclusive, facts::Outcome::not_measured})
    out.push_back({.check = words,
                   .gpus = {words},
                   .outcome = outcome,
                   .measured = facts::Quantity{.value = 1.5, .unit = words},
                   .expected = facts::Expectation{.value = 2, .unit = words, .source = words},
                   .why = words});
  out.push_back(
      {.check = "env-import", .outcome = facts::Outcome::pass, .why = "/opt/" + words + ": " + words});
  return out;
}

facts::NativeProof full_native(const std::string& words) {
  const facts::Rate rate{.median = 1.5e9, .samples = {1.5e9}};
  facts::NativeProof proof{.level = words, .driver_version = 13000};
  for (int i = 0; i < 2; ++i) {
    facts::NativeGpu gpu{.index = i, .pci = i == 0 ? words : "0000:07:00.0", .name = words, .uuid = words};
    gpu.nvlink = facts::NvlinkState{.links = 2, .active = 2, .version = 4};
    gpu.load = std::vector<facts::LoadSample>{{.at_seconds = 0.1, .watts = 100, .reasons = 4}};
    proof.gpus.push_back(std::move(gpu));
  }
  proof.pairs = std::vector<facts::NativePair>{{.from = words, .to = "0000:07:00.0", .copy = rate}};
  proof.collectives = std::vector<facts::Collective>{
      {.kind = words, .by = words, .path = words, .ranks = 2, .steps = {{.bytes = 1U << 20U, .bus = rate}}}};
  proof.phases = {{.name = words, .began_seconds = 0, .seconds = 1}};
  proof.settings = {words};
  proof.unseen = {words};
  return proof;
}

diagnose::Topology full_topology(const std::string& words) {
  using Kind = diagnose::TreeNode::Kind;
  diagnose::Topology topology;
  topology.tree = {{.kind = Kind::numa, .id = 0, .cpus = words},
                   {.kind = Kind::pcie_switch, .depth = 1, .address = words, .name = words},
                   {.kind = Kind::gpu, .depth = 2, .address = words, .name = words},
                   {.kind = Kind::network, .depth = 2, .address = words, .name = words},
                   {.kind = Kind::gpu, .depth = 1, .address = "0000:07:00.0", .name = words}};
  topology.unseen = {words};
  return topology;
}

ProofForms every_proof(const std::string& words) {
  const facts::Machine machine = full_machine(words);
  const facts::Measurements measurements{.native = full_native(words)};
  std::vector<facts::Verdict> verdicts = full_verdicts(words);
  verdicts.push_back({.check = "gpu-pair-speed",
                      .gpus = {words, "0000:07:00.0"},
                      .outcome = facts::Outcome::warn,
                      .measured = facts::Quantity{.value = 1e9, .unit = "B/s"},
                      .why = words});
  verdicts.push_back({.check = words,
                      .gpus = {words},
                      .measured = facts::Quantity{.value = 1e9, .unit = "B/s"},
                      .why = words,
                      .env = words});
  const diagnose::Diagnosis diagnosis = full_diagnosis(words);
  const resolve::Resolution resolution = full_choice(words);
  const diagnose::Topology topology = full_topology(words);
  const report::ProofReport report{.machine = machine,
                                   .measurements = measurements,
                                   .verdicts = verdicts,
                                   .overall = facts::Outcome::fail,
                                   .elapsed_seconds = 1,
                                   .made_at = words,
                                   .version = words,
                                   .resolution = &resolution,
                                   .diagnosis = &diagnosis,
                                   .topology = &topology};
  return {report::proof_html(report), report::proof_junit(report), report::proof_prometheus(report)};
}

std::vector<std::string> every_text(const std::string& words, const report::Style& style) {
  const steps::Plan plan{.steps = every_kind_of_step(words)};
  return {report::facts_text(full_machine(words), style), report::doctor_text(full_diagnosis(words), style),
          report::plan_text(full_choice(words), plan, style),
          report::plan_text(full_conflict(words), {}, style),
          report::verify_text(full_verdicts(words), facts::Outcome::fail, 1.5, style)};
}

std::vector<std::string> every_json(const std::string& words) {
  const steps::Plan plan{.steps = every_kind_of_step(words)};
  return {report::facts_json(full_machine(words)), report::doctor_json(full_diagnosis(words)),
          report::plan_json(full_choice(words), plan), report::plan_json(full_conflict(words), {}),
          report::verify_json(full_verdicts(words), facts::Outcome::fail, 1.5)};
}

std::string without_colour(std::string text) {
  for (const char* code : {"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"}) {
    const std::string_view one = code;
    for (std::size_t at = text.find(one); at != std::string::npos; at = text.find(one, at))
      text.erase(at, one.size());
  }
  return text;
}

std::string too_wide(const std::string& text, std::size_t columns) {
  for (const std::string_view line : base::lines(text)) {
    if (base::display_width(line) <= columns) continue;
    const bool path_alone = base::words(line).size() == 1 && base::contains(line, "/");
    if (!path_alone) return std::string(line);
  }
  return "";
}

bool valid_utf8(const std::string& text) {
  try {
    (void)nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

std::size_t control_at(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    const bool c1 = byte == 0xC2 && next >= 0x80 && next < 0xA0;
    if ((byte < 0x20 && byte != '\n') || byte == 0x7F || c1) return i;
  }
  return std::string_view::npos;
}

}  // namespace bringup::report_testing
