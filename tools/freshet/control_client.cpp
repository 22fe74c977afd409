#include "tools/freshet/control_client.hpp"

#include "kernels/base/json_line.hpp"
#include "topology/graph/plan.hpp"

#include <optional>
#include <utility>
#include <variant>

namespace freshet::cli {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr std::uint32_t most_parts = 1024;
constexpr std::size_t longest_answer = std::size_t{128} << 20;

errc code_named(const std::string& text) {
  for (int i = 1; i <= static_cast<int>(errc::internal); ++i)
    if (name(static_cast<errc>(i)) == text) return static_cast<errc>(i);
  return errc::internal;
}

}  // namespace

result<control_client> control_client::open(const topology::graph& graph) {
  return open(graph, {topology::control_node(graph), topology::control_role});
}

result<control_client> control_client::open(const topology::graph& graph, const topology::address& role) {
  FRESHET_TRY_ASSIGN(console_line line, console_line::open(graph, role));
  return control_client(std::move(line));
}

result<json> control_client::ask(const std::string& verb, const json& request, milliseconds patience) {
  return exchange(verb, request, patience, true);
}

result<json> control_client::once(const std::string& verb, const json& request, milliseconds patience) {
  return exchange(verb, request, patience, false);
}

result<json> control_client::exchange(const std::string& verb, const json& request, milliseconds patience, bool again) {
  ++number_;
  std::uint32_t wanted = 0;
  std::uint32_t parts = 1;
  const auto mine = [&](const topology::any_message& m) -> std::optional<std::string> {
    const auto* said = std::get_if<topology::operator_answer>(&m);
    if (said == nullptr || said->number != number_) return std::nullopt;
    // A refusal of a later piece is a whole answer of its own.
    const bool refusal = wanted != 0 && said->parts == 1;
    if (said->part != wanted && !refusal) return std::nullopt;
    if (wanted == 0 || refusal) parts = said->parts;
    return said->json;
  };
  const std::string text = json_line(request);
  FRESHET_TRY_ASSIGN(std::string said,
                     line_.ask(topology::operator_request{number_, verb, text}, mine, patience, again));
  if (parts > most_parts)
    return error{errc::too_large, "an answer of " + std::to_string(parts) + " parts from " + line_.role().text()};
  for (wanted = 1; wanted < parts; ++wanted) {
    const topology::operator_request next{number_, "part", json{{"part", wanted}}.dump()};
    FRESHET_TRY_ASSIGN(std::string piece, line_.ask(next, mine, patience, true));
    if (parts == 1) {
      said = std::move(piece);
      break;
    }
    if (said.size() + piece.size() > longest_answer)
      return error{errc::too_large, "an answer of more than " + std::to_string(longest_answer) + " bytes from " +
                                        line_.role().text()};
    said += piece;
  }
  json document = json::parse(said, nullptr, false);
  if (!document.is_object()) return error{errc::corrupt, "the answer of " + line_.role().text() + " is no JSON object"};
  const auto failed = document.find("error");
  if (failed == document.end()) return document;
  return error{code_named(failed->is_string() ? failed->get<std::string>() : ""), document.value("text", "")};
}

}  // namespace freshet::cli
