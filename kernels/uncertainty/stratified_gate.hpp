// The default gate, and its learned form. Sending only the most uncertain samples skews what the
// student is trained on, and the hardest are those that the teacher gets wrong too. So every sample
// has a chance: p = share * (mix + (1 - mix) * w), w of mean 1 growing with the rank of its value.
// `stratified` values by the mean rank of the scores and by novelty against what was sent lately;
// `learned` by a regression from the cloud (as `stratified` until weights come). The
// draw is systematic within strata of the value's rank: each stratum adds up its probabilities and
// sends when the sum passes one, so the sent samples cover the score distribution with little noise.
// Thread contract: each policy has one owner.
#pragma once

#include <memory>

#include "kernels/uncertainty/gate.hpp"

namespace freshet::uncertainty {

/// Weight of rank r in [0, 1]: a triangle of height 2 over [0, 1] with its top at `peak`; mean 1.
double rank_weight(double rank, double peak);

std::unique_ptr<gate_policy> make_stratified_gate(const gate_options& options);
std::unique_ptr<gate_policy> make_learned_gate(const gate_options& options);

}  // namespace freshet::uncertainty
