// How the names of a model's parameters begin, by part.
#pragma once

#include <string_view>

namespace freshet::model {

/// The program's own names of the parts: those of LLaVA's published checkpoints, for all architectures.
inline constexpr std::string_view tower_part = "vision_tower.";
inline constexpr std::string_view vision_model_part = "vision_tower.vision_model.";
inline constexpr std::string_view connector_part = "multi_modal_projector.";
inline constexpr std::string_view decoder_part = "language_model.model.";
inline constexpr std::string_view head_part = "language_model.lm_head.";

}  // namespace freshet::model
