// What `freshet models inspect` shows, as text and as JSON.
// Pure functions.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "kernels/model/inspection.hpp"

namespace freshet::cli {

/// `line` is absent where it was not computed.
[[nodiscard]] std::string text_of(const model::inspection& found, const model::lora_spec& adapters,
                                  const std::optional<model::line_figures>& line);
[[nodiscard]] nlohmann::json json_of(const model::inspection& found, const model::lora_spec& adapters,
                                     const std::optional<model::line_figures>& line);

}  // namespace freshet::cli
