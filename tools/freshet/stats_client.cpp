#include "tools/freshet/stats_client.hpp"

namespace freshet::cli {

result<std::string> fetch_stats(const topology::graph& graph, std::chrono::milliseconds) {
  return error{errc::unsupported, "figures of " + graph.file + ": this build has no client for the control link"};
}

}  // namespace freshet::cli
