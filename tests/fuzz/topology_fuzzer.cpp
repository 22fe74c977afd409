// Configuration and topology: any text is a graph that is right, or an error that says what is wrong.
#include <string>

#include "kernels/base/check.hpp"
#include "topology/graph/links.hpp"
#include "topology/graph/load.hpp"
#include "topology/graph/plan.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace freshet;
  topology::load_options options;
  options.state_dir = "/s";
  const auto graph = topology::load_graph(std::string(reinterpret_cast<const char*>(data), size), options);
  if (!graph.ok()) {
    FRESHET_ENSURE(!graph.err().context.empty(), "an error must say what is wrong");
    return 0;
  }
  static_cast<void>(topology::all_peers(topology::graph_index(*graph)));
  FRESHET_ENSURE(topology::plan_change(*graph, *graph).empty(), "a graph differs from itself");
  return 0;
}
