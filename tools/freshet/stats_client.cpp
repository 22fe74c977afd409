#include "tools/freshet/stats_client.hpp"

#include <optional>
#include <utility>
#include <variant>

namespace freshet::cli {

result<stats_client> stats_client::open(const topology::graph& graph) {
  const auto stats = graph.stats();
  if (!stats) return error{errc::not_found, graph.file + ": no role of kind stats"};
  FRESHET_TRY_ASSIGN(console_line line, console_line::open(graph, *stats));
  return stats_client(std::move(line));
}

result<std::string> stats_client::fetch(std::chrono::milliseconds patience) {
  const auto document = [](const topology::any_message& m) -> std::optional<std::string> {
    const auto* snapshot = std::get_if<topology::stats_snapshot>(&m);
    return snapshot == nullptr ? std::nullopt : std::optional<std::string>(snapshot->json);
  };
  auto heard = line_.ask(topology::stats_request{"all"}, document, patience, true);
  // Whoever looks now and then waits for figures; who is not there does not give any either.
  if (!heard && heard.err().code == errc::unavailable) return error{errc::timeout, heard.err().context};
  return heard;
}

}  // namespace freshet::cli
