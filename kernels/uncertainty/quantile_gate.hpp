// The gate that sends the top of the recent stream: by its one score, or by the mean rank of several
// (ranks need no common scale). The threshold is an online quantile at the share that the byte
// budget affords; it is never a constant.
// Thread contract: each policy has one owner.
#pragma once

#include <memory>

#include "kernels/uncertainty/gate.hpp"

namespace freshet::uncertainty {

std::unique_ptr<gate_policy> make_quantile_gate(const gate_options& options);

}  // namespace freshet::uncertainty
