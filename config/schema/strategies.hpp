// The strategies that are chosen by name: one line each, which is also their reference
// documentation. What they compute lives in kernels/; a test holds these lists to the registries.
#pragma once

#include <vector>

#include "config/property.hpp"

namespace freshet::config {

[[nodiscard]] std::vector<choice> gate_choices();
[[nodiscard]] std::vector<choice> sample_score_choices();
[[nodiscard]] std::vector<choice> token_score_choices();
/// How a model is asked (kernels/model/chat_template.hpp).
[[nodiscard]] std::vector<choice> chat_template_choices();
[[nodiscard]] std::vector<choice> codec_choices();
[[nodiscard]] std::vector<choice> importance_choices();
[[nodiscard]] std::vector<choice> anchor_choices();

}  // namespace freshet::config
