#include "kernels/model/strict_json.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace freshet::model {
namespace {

constexpr std::size_t most_quoted_bytes = 120;

// First pass over the text: checks the limits and the keys before a document is built from it.
class checker {
 public:
  checker(std::string_view text, std::string_view origin, json_limits limits)
      : text_(text), origin_(origin), limits_(limits) {}

  bool null() { return count(); }
  bool boolean(bool) { return count(); }
  bool number_integer(std::int64_t) { return count(); }
  bool number_unsigned(std::uint64_t) { return count(); }
  bool number_float(double, const std::string&) { return count(); }
  bool string(std::string&) { return count(); }
  bool binary(std::vector<std::uint8_t>&) { return count(); }
  bool start_object(std::size_t) { return open(); }
  bool start_array(std::size_t) { return open(); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    if (!keys_.back().insert(name).second) return fail(errc::corrupt, "the key " + in_quotes(name) + " appears twice");
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    const std::size_t offset = position == 0 ? 0 : std::min(position - 1, text_.size());
    const bool at_end = text_.find_first_not_of(" \t\r\n", std::min(offset, text_.size())) == std::string_view::npos;
    return fail(at_end ? errc::truncated : errc::corrupt, "invalid JSON at " + line_and_column(text_, offset));
  }

  [[nodiscard]] error failure() const { return failure_.value_or(error{errc::corrupt, std::string(origin_)}); }

 private:
  bool count() {
    if (++values_ > limits_.values) {
      return fail(errc::too_large, "more than " + std::to_string(limits_.values) + " JSON values");
    }
    return true;
  }
  bool open() {
    keys_.emplace_back();
    if (keys_.size() > limits_.depth) {
      return fail(errc::too_large, "JSON nested deeper than " + std::to_string(limits_.depth));
    }
    return count();
  }
  bool close() {
    keys_.pop_back();
    return true;
  }
  bool fail(errc code, const std::string& what) {
    failure_ = error{code, std::string(origin_) + ": " + what};
    return false;
  }

  std::string_view text_;
  std::string_view origin_;
  json_limits limits_;
  std::vector<std::set<std::string>> keys_;
  std::size_t values_ = 0;
  std::optional<error> failure_;
};

}  // namespace

result<nlohmann::json> parse_json(std::string_view text, std::string_view origin, json_limits limits) {
  checker check(text, origin, limits);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &check)) return check.failure();
  return nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
}

std::string in_quotes(std::string_view text) {
  std::size_t kept = std::min(text.size(), most_quoted_bytes);
  // Cut before a UTF-8 character, not inside it: messages travel as JSON.
  while (kept > 0 && kept < text.size() && (static_cast<unsigned char>(text[kept]) & 0xc0) == 0x80) --kept;
  std::string out = "\"";
  for (const char c : text.substr(0, kept)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  if (text.size() > kept) out += "...";
  return out + "\"";
}

std::string line_and_column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == std::string_view::npos ? before.size() + 1 : before.size() - newline;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace freshet::model
