// What an operator asks a role, read; and the role's answer, written. Used by every role that answers operators.
// Pure functions.
#pragma once

#include "kernels/base/json_line.hpp"
#include "kernels/base/result.hpp"
#include "topology/message/changes.hpp"

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace freshet::actors {

class operator_question {
 public:
  static result<operator_question> of(const topology::operator_request& request) {
    auto asked = nlohmann::json::parse(request.json, nullptr, false);
    if (!asked.is_object()) return error{errc::invalid_argument, "the request is no JSON object"};
    return operator_question(std::move(asked));
  }

  /// Nothing where there is none, or something else than a whole number of zero or more.
  [[nodiscard]] std::optional<std::uint64_t> number(const char* key) const {
    const auto it = asked_.find(key);
    if (it == asked_.end() || !it->is_number_unsigned()) return std::nullopt;
    return it->get<std::uint64_t>();
  }
  [[nodiscard]] bool flag(const char* key) const {
    const auto it = asked_.find(key);
    return it != asked_.end() && it->is_boolean() && it->get<bool>();
  }
  /// Empty where there is none.
  [[nodiscard]] std::string text(const char* key) const {
    const auto it = asked_.find(key);
    return it != asked_.end() && it->is_string() ? it->get<std::string>() : std::string();
  }

 private:
  explicit operator_question(nlohmann::json asked) : asked_(std::move(asked)) {}
  nlohmann::json asked_;
};

/// A no is {"error": the code's name, "text": its context}.
inline std::string answer_text(const result<nlohmann::json>& answer) {
  return json_line(answer.ok() ? *answer
                               : nlohmann::json{{"error", name(answer.err().code)}, {"text", answer.err().context}});
}

/// For answers that always fit into one message (others: control/long_answers.hpp).
inline topology::operator_answer answer_to(const topology::operator_request& request,
                                           const result<nlohmann::json>& answer) {
  return {request.number, answer_text(answer), 0, 1};
}

}  // namespace freshet::actors
