#include "tools/freshet/console/json_lines.hpp"

#include "actors/stats/bounded_json.hpp"
#include "actors/stats/figures.hpp"
#include "kernels/base/json_line.hpp"

#include <utility>

namespace freshet::cli {

using nlohmann::json;

namespace {
// A recording is the user's own file; these only keep an odd one from taking all memory.
constexpr actors::json_limits line_limits{std::size_t{256} << 20, 32};
}  // namespace

std::string json_line(std::chrono::milliseconds at, const live_change& change) {
  json line{{"at_ms", at.count()}};
  if (change.what == live_change::kind::lost) {
    line["type"] = "lost";
    line["why"] = change.why;
  } else {
    const bool whole = change.what == live_change::kind::snapshot;
    line["type"] = whole ? "snapshot" : "delta";
    line["number"] = change.number;
    line[whole ? "document" : "patch"] = change.content;
  }
  return freshet::json_line(line);
}

result<timed_change> change_of(std::string_view text) {
  FRESHET_TRY_ASSIGN(json line, actors::parse_object(text, line_limits));
  const auto at = actors::count_in(line, "at_ms");
  const auto type = actors::text_in(line, "type");
  timed_change out;
  if (!at || !type) return error{errc::corrupt, "a line of a recording has \"at_ms\" and \"type\""};
  out.at = std::chrono::milliseconds(*at);
  if (*type == "lost") {
    out.change.why = actors::text_in(line, "why").value_or("");
    return out;
  }
  const bool whole = *type == "snapshot";
  const auto content = line.find(whole ? "document" : "patch");
  const auto number = actors::count_in(line, "number");
  if ((!whole && *type != "delta") || content == line.end() || !content->is_object() || !number)
    return error{errc::corrupt,
                 "\"" + type->substr(0, 32) +
                     "\"; a snapshot with \"document\", a delta with \"patch\", each with \"number\", or lost"};
  out.change.what = whole ? live_change::kind::snapshot : live_change::kind::delta;
  out.change.number = *number;
  out.change.content = std::move(*content);
  return out;
}

}  // namespace freshet::cli
