// Are these numbers usable? One fast pass, before anything is computed from what a model produced.
// Thread contract: pure functions.
#pragma once

#include <cstddef>

namespace freshet::uncertainty {

/// No NaN and no infinity among `count` values.
bool all_finite(const float* values, std::size_t count);
/// The same, but minus infinity is allowed: a word that a model rules out.
bool all_logits(const float* values, std::size_t count);

}  // namespace freshet::uncertainty
