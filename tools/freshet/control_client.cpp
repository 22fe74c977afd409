#include "tools/freshet/control_client.hpp"

#include "topology/graph/plan.hpp"

#include <optional>
#include <utility>
#include <variant>

namespace freshet::cli {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

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
  const auto mine = [this](topology::any_message& m) -> std::optional<std::string> {
    auto* said = std::get_if<topology::operator_answer>(&m);
    return said == nullptr || said->number != number_ ? std::nullopt
                                                      : std::optional<std::string>(std::move(said->json));
  };
  const std::string text = request.dump(-1, ' ', false, json::error_handler_t::replace);
  FRESHET_TRY_ASSIGN(const std::string said,
                     line_.ask(topology::operator_request{number_, verb, text}, mine, patience, again));
  json document = json::parse(said, nullptr, false);
  if (!document.is_object()) return error{errc::corrupt, "the answer of " + line_.role().text() + " is no JSON object"};
  const auto failed = document.find("error");
  if (failed == document.end()) return document;
  return error{code_named(failed->is_string() ? failed->get<std::string>() : ""), document.value("text", "")};
}

}  // namespace freshet::cli
