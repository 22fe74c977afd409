// Typed reading of one JSON object of a config file, with every problem collected instead of the
// first one returned. Internal to kernels/model: headers of the public kind do not include it.
// Thread contract: plain values; a section refers to its document and its list of problems.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernels/base/result.hpp"
#include "kernels/model/model_config.hpp"

namespace freshet::model {

/// The activation of a Hugging Face name, if it is one that we know.
std::optional<activation> activation_of(const nlohmann::json& value);

/// Each line names a key, its value and what would be right.
class problem_list {
 public:
  void add(const std::string& key, const std::string& value, const std::string& right);
  void missing(const std::string& key, const std::string& why);
  void within(const std::string& key, std::int64_t value, std::int64_t low, std::int64_t high);
  void within(const std::string& key, double value, double low, double high);
  [[nodiscard]] std::size_t size() const noexcept { return lines_.size(); }
  /// Success, or one errc::config error with all lines.
  [[nodiscard]] result<void> as_result(std::string_view origin) const;

 private:
  std::vector<std::string> lines_;
};

/// A value as it stands in a message.
std::string shown(const nlohmann::json& value);

/// Absent and null mean the default, as in Hugging Face. A value of the wrong type becomes a problem
/// and reads as the default.
class section {
 public:
  section(const nlohmann::json& node, std::string prefix, problem_list& problems)
      : node_(node), prefix_(std::move(prefix)), problems_(problems) {}

  [[nodiscard]] const nlohmann::json* find(const char* key) const;
  [[nodiscard]] bool has(const char* key) const { return find(key) != nullptr; }
  /// The key stands there, with a value or an explicit null.
  [[nodiscard]] bool mentions(const char* key) const { return node_.contains(key); }
  /// The object under `key`; an empty one where it is absent.
  [[nodiscard]] section inner(const char* key) const;
  [[nodiscard]] problem_list& problems() const noexcept { return problems_; }
  [[nodiscard]] std::string path(const std::string& key) const { return prefix_ + key; }

  [[nodiscard]] std::int64_t integer(const char* key, std::int64_t fallback) const;
  [[nodiscard]] double real(const char* key, double fallback) const;
  [[nodiscard]] bool flag(const char* key, bool fallback) const;
  [[nodiscard]] activation act(const char* key, activation fallback) const;
  [[nodiscard]] std::string word(const char* key, const std::string& fallback) const;
  /// A token id. An explicit null and -1, which old Llama files write, mean none; absence the default.
  [[nodiscard]] std::optional<std::int32_t> token(const char* key, std::optional<std::int32_t> fallback) const;
  /// One integer or a list of at most `most`.
  [[nodiscard]] std::vector<std::int64_t> integers(const char* key, const std::vector<std::int64_t>& fallback,
                                                   std::size_t most) const;
  void problem(const std::string& key, const nlohmann::json& value, const std::string& right) const {
    problems_.add(path(key), shown(value), right);
  }

 private:
  const nlohmann::json& node_;
  std::string prefix_;
  problem_list& problems_;
};

}  // namespace freshet::model
