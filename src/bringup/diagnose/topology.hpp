// SPDX-License-Identifier: Apache-2.0
#pragma once
// How GPUs, network cards and drives hang together, where it is narrow, and in which order the GPUs are best
// used.

#include <bringup/facts/machine.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::diagnose {

// One PCIe link on the way from a device to its processor.
struct Hop {
  std::string lower;  // address of the end nearer to the device
  std::string upper;  // of the end nearer to the processor; "" when it is not seen
  // As it runs now; the max_ values are the lesser of what its two ends can.
  facts::Reading<facts::PcieLink> link = Error(Errc::absent, "not seen");
  // What it can carry in one direction on the lanes that it runs on; 0: not known. By the generation that it
  // runs at; of a GPU's own link by what both ends can, since idle cards lower theirs for the while.
  double bytes_per_second = 0;
  bool lanes_lost = false;  // runs on fewer lanes than both ends have
  bool both_ends = false;   // what both can was read
  bool operator==(const Hop&) const = default;
};

// By what nvidia-smi topo calls them, nearest first.
enum class Distance { pix, pxb, phb, node, sys };
std::string_view distance_word(Distance distance);     // "PIX"
std::string_view distance_meaning(Distance distance);  // "through one PCIe switch"

// A line of the drawing: children follow their parent and are one deeper.
struct TreeNode {
  enum class Kind { numa, pcie_switch, gpu, nvswitch, network, storage };
  Kind kind = Kind::numa;
  int depth = 0;              // 0: a NUMA node
  std::string address;        // "" of a NUMA node
  std::optional<int> id;      // of a NUMA node: its number; of a GPU: its index in CUDA's order by PCI bus
  std::optional<int> socket;  // of a NUMA node
  std::string cpus;           // of a NUMA node: "0-31,64-95"; "" when not known
  std::string name;           // of a GPU its model, else what the kernel calls it: "mlx5_0"
  std::uint16_t vendor = 0;   // PCI
  std::optional<Hop> hop;     // the link to what is above; nullopt: none is seen, or none of PCIe
  bool chipset = false;       // a switch that is the chipset, or a device on a port of one
  bool narrowest = false;     // `hop` is where a GPU below gets less than it can take
  int gpus_below = 0;         // of a switch: GPUs that share its link
  bool operator==(const TreeNode&) const = default;
};

// A network card and how far a GPU is from it.
struct Neighbour {
  std::string address;
  std::string name;  // "mlx5_0"; the address when it has none
  Distance distance = Distance::sys;
  bool operator==(const Neighbour&) const = default;
};

struct TopologyGpu {
  int index = 0;  // in CUDA's order by PCI bus, which is NVML's; -1: NVML does not show it
  std::string address;
  std::string name;
  std::optional<int> numa_node;  // nullopt: not known
  std::string cpus;              // near it: "0-31,64-95"; "" when not known
  std::vector<Hop> hops;         // from the card up to the processor; empty: none is seen
  std::optional<std::size_t>
      narrowest;                     // into `hops`: the one that carries least, where less than the card can
  double card_bytes_per_second = 0;  // what the card's own end can; 0: not known
  double host_bytes_per_second = 0;  // the least of all hops; 0: not known
  std::vector<Neighbour> nearest;    // the network cards that are next to it, all at the same distance
  bool operator==(const TopologyGpu&) const = default;
};

// Two GPUs, as indices into Topology::gpus; a < b.
struct GpuPair {
  std::size_t a = 0;
  std::size_t b = 0;
  facts::Reading<Distance> distance = Error(Errc::absent, "not seen");  // over PCIe
  facts::Reading<int> nvlinks = Error(Errc::absent, "not seen");        // between them; 0: none
  facts::Reading<bool> direct =
      Error(Errc::absent, "not asked");  // one can read the other's memory, NVML says
  bool nvlinked = false;                 // both have active NVLinks, wherever these lead
  std::string word() const;              // "NV18", "PIX", "?"
  bool operator==(const GpuPair&) const = default;
};

struct Suggestion {
  std::vector<int> order;                // values of CUDA_VISIBLE_DEVICES, with CUDA_DEVICE_ORDER=PCI_BUS_ID
  bool any_order = false;                // all are equal
  std::vector<std::vector<int>> groups;  // GPUs that are nearer to each other than to the rest; empty: none
  std::vector<int> last;                 // those at the end of `order` because their way is narrow
  std::vector<std::string> reasons;      // sentences
  bool operator==(const Suggestion&) const = default;
};

struct Topology {
  std::vector<TreeNode> tree;
  std::vector<TopologyGpu> gpus;  // by index
  std::vector<GpuPair> pairs;     // all of them, by a and then b
  std::optional<Suggestion>
      suggestion;                   // nullopt: fewer than two GPUs, or nothing seen of how they are joined
  bool made_up = false;             // a virtual machine's bus: distances over PCIe are what it shows
  std::vector<std::string> unseen;  // what could not be seen, and why
  bool nothing = false;             // neither the bus nor NVML could be looked at
  bool operator==(const Topology&) const = default;
};

Topology topology(const facts::Machine& machine);

}  // namespace bringup::diagnose
