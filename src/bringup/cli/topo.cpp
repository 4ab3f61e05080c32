// SPDX-License-Identifier: Apache-2.0
// The verb that draws how the machine is wired.
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/diagnose/topology.hpp>
#include <bringup/report/report.hpp>

namespace bringup::cli {

Result<int> run_topo(const Options& options, const Doors& doors) {
  const Looked looked = TRY(look(options, doors, {}));
  const diagnose::Topology topology = diagnose::topology(looked.machine);
  TRY(print(options.json ? report::topo_json(topology) : report::topo_text(topology, output_style(options))));
  return topology.nothing ? exit_not_measured : exit_ok;
}

}  // namespace bringup::cli
