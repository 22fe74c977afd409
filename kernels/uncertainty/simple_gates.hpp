// Gates without memory: the paper's constant threshold (arXiv 2312.16279: confidence < 0.5, with
// `confidence_product` as the first score), and the controls `random`, `all` and `none`.
// Thread contract: each policy has one owner.
#pragma once

#include <memory>

#include "kernels/uncertainty/gate.hpp"

namespace freshet::uncertainty {

std::unique_ptr<gate_policy> make_threshold_gate(const gate_options& options);
std::unique_ptr<gate_policy> make_random_gate(const gate_options& options);
std::unique_ptr<gate_policy> make_all_gate(const gate_options& options);
std::unique_ptr<gate_policy> make_none_gate(const gate_options& options);

}  // namespace freshet::uncertainty
