#include "tools/freshet/plan_view.hpp"

#include <ctime>

namespace freshet::cli {

using nlohmann::json;

namespace {

void add_steps(std::vector<std::string>& out, const json& steps, const std::string& indent) {
  std::size_t number = 0;
  for (const json& s : steps) {
    std::string line = indent + std::to_string(++number) + ". " + s.value("do", "") + " " + s.value("where", "");
    if (const std::string cost = s.value("cost", ""); !cost.empty()) line += "  (" + cost + ")";
    out.push_back(std::move(line));
    for (const json& why : s.value("why", json::array()))
      if (why.is_string()) out.push_back(indent + "     " + why.get<std::string>());
  }
}

}  // namespace

std::vector<std::string> plan_lines(const json& plan) {
  std::vector<std::string> out;
  for (const json& refusal : plan.value("refusals", json::array()))
    if (refusal.is_string()) out.push_back("cannot be done: " + refusal.get<std::string>());
  const json steps = plan.value("steps", json::array());
  if (steps.empty() && out.empty()) out.emplace_back("nothing to change: the daemon runs this already");
  add_steps(out, steps, "");
  return out;
}

std::vector<std::string> history_lines(const json& history) {
  std::vector<std::string> out;
  const auto current = history.value("current", std::uint64_t{0});
  for (const json& r : history.value("revisions", json::array())) {
    const auto number = r.value("revision", std::uint64_t{0});
    std::string line = (number == current ? "* " : "  ") + std::to_string(number) + "  " +
                       utc_text(r.value("at_unix_ms", std::int64_t{0})) + "  " + r.value("state", "") + "  by " +
                       r.value("who", "") + "  from " + r.value("file", "");
    if (r.value("from_start", false)) line += " (the daemon's start)";
    out.push_back(std::move(line));
    if (const std::string note = r.value("note", ""); !note.empty()) out.push_back("       " + note);
    add_steps(out, r.value("steps", json::array()), "       ");
    if (const auto more = r.value("more_steps", std::uint64_t{0}); more > 0)
      out.push_back("       … and " + std::to_string(more) + " more steps");
  }
  return out;
}

std::string utc_text(std::int64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts));
}

}  // namespace freshet::cli
