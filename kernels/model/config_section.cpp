#include "kernels/model/config_section.hpp"

#include <array>
#include <limits>
#include <utility>

#include "kernels/model/strict_json.hpp"

namespace freshet::model {
namespace {

using nlohmann::json;

constexpr std::int64_t most_token_id = std::numeric_limits<std::int32_t>::max();

// Names under which Hugging Face knows an activation; the first of a kind is the one that we write.
constexpr std::array<std::pair<std::string_view, activation>, 7> activation_names{{
    {"gelu", activation::gelu},
    {"gelu_pytorch_tanh", activation::gelu_tanh},
    {"gelu_new", activation::gelu_tanh},
    {"quick_gelu", activation::quick_gelu},
    {"silu", activation::silu},
    {"swish", activation::silu},
    {"relu", activation::relu},
}};

std::optional<std::int64_t> integer_of(const json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > most) return std::nullopt;
  return value.get<std::int64_t>();
}

}  // namespace

std::string_view name(activation kind) noexcept {
  for (const auto& [known, of] : activation_names) {
    if (of == kind) return known;
  }
  return "unknown";
}

std::optional<activation> activation_of(const json& value) {
  if (!value.is_string()) return std::nullopt;
  for (const auto& [known, kind] : activation_names) {
    if (value.get_ref<const std::string&>() == known) return kind;
  }
  return std::nullopt;
}

std::string shown(const json& value) {
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>());
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list of " + std::to_string(value.size());
  return value.dump();
}

void problem_list::add(const std::string& key, const std::string& value, const std::string& right) {
  lines_.push_back(key + " = " + value + ": " + right);
}

void problem_list::missing(const std::string& key, const std::string& why) {
  lines_.push_back(key + " is missing: " + why);
}

void problem_list::within(const std::string& key, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return;
  add(key, std::to_string(value), "must lie in " + std::to_string(low) + " to " + std::to_string(high));
}

void problem_list::within(const std::string& key, double value, double low, double high) {
  if (value >= low && value <= high) return;
  add(key, shown(value), "must lie in " + shown(low) + " to " + shown(high));
}

result<void> problem_list::as_result(std::string_view origin) const {
  if (lines_.empty()) return {};
  std::string text(origin);
  text += ": ";
  if (lines_.size() > 1) text += std::to_string(lines_.size()) + " problems";
  for (const auto& line : lines_) text += (lines_.size() > 1 ? "\n  " : "") + line;
  return error{errc::config, std::move(text)};
}

const json* section::find(const char* key) const {
  const auto at = node_.find(key);
  return at == node_.end() || at->is_null() ? nullptr : &*at;
}

section section::inner(const char* key) const {
  static const json empty = json::object();
  const json* node = find(key);
  if (node != nullptr && !node->is_object()) problem(key, *node, "must be an object");
  return section(node != nullptr && node->is_object() ? *node : empty, path(key) + ".", problems_);
}

std::int64_t section::integer(const char* key, std::int64_t fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  const auto number = integer_of(*value);
  if (!number) problem(key, *value, "must be an integer");
  return number.value_or(fallback);
}

double section::real(const char* key, double fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_number()) return value->get<double>();
  problem(key, *value, "must be a number");
  return fallback;
}

bool section::flag(const char* key, bool fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  problem(key, *value, "must be true or false");
  return fallback;
}

activation section::act(const char* key, activation fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  const auto kind = activation_of(*value);
  if (!kind) problem(key, *value, "must be one of gelu, gelu_pytorch_tanh, gelu_new, quick_gelu, silu, swish, relu");
  return kind.value_or(fallback);
}

std::string section::word(const char* key, const std::string& fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->get<std::string>();
  problem(key, *value, "must be a string");
  return fallback;
}

std::optional<std::int32_t> section::token(const char* key, std::optional<std::int32_t> fallback) const {
  if (!mentions(key)) return fallback;
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto id = integer_of(*value);
  if (id && *id == -1) return std::nullopt;
  if (id && *id >= 0 && *id <= most_token_id) return static_cast<std::int32_t>(*id);
  problem(key, *value, "must be a token id (0 or more)");
  return fallback;
}

std::vector<std::int64_t> section::integers(const char* key, const std::vector<std::int64_t>& fallback,
                                            std::size_t most) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  std::vector<std::int64_t> out;
  bool good = !value->is_array() || value->size() <= most;
  const auto take = [&](const json& item) {
    const auto number = integer_of(item);
    good = good && number.has_value();
    if (good) out.push_back(*number);
  };
  if (value->is_array()) {
    for (const json& item : *value) take(item);
  } else {
    take(*value);
  }
  if (good) return out;
  problem(key, *value, "must be an integer or a list of at most " + std::to_string(most) + " integers");
  return fallback;
}

}  // namespace freshet::model
