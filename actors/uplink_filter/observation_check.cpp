#include "actors/uplink_filter/observation_check.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/uncertainty/finite.hpp"
#include "kernels/uncertainty/token_codec.hpp"

namespace freshet::actors {
namespace {

using topology::observation_batch;

std::string text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

// `sizes` are checked where not 0 and filled in where 0.
result<void> fit(const host_tensor& t, const char* name, dtype type, std::vector<std::size_t*> sizes) {
  if (t.type() != type || t.shape().size() != sizes.size()) {
    return {errc::shape_mismatch, std::string("observation: ") + name + " is " + std::string(freshet::name(t.type())) +
                                      " " + text(t.shape()) + "; " + std::string(freshet::name(type)) + " of " +
                                      std::to_string(sizes.size()) + " dimensions is right"};
  }
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    const auto got = static_cast<std::size_t>(t.shape()[d]);
    if (*sizes[d] == 0) *sizes[d] = got;
    if (*sizes[d] != got || got == 0) {
      return {errc::shape_mismatch, std::string("observation: ") + name + " is " + text(t.shape()) + "; dimension " +
                                        std::to_string(d) + " should be " + std::to_string(*sizes[d]) + " and not 0"};
    }
  }
  return {};
}

error too_large(const std::string& what, std::size_t got, std::size_t limit) {
  return error{errc::too_large, "observation: " + std::to_string(got) + " " + what + "; the limit is " + std::to_string(limit)};
}

}  // namespace

result<observation_shape> check_observation(const observation_batch& b, const observation_limits& limits) {
  observation_shape s;
  s.samples = b.sequences.size();
  if (s.samples > limits.samples) return too_large("samples", s.samples, limits.samples);
  if (b.questions.size() != s.samples || b.answers.size() != s.samples || b.answer_length.size() != s.samples) {
    return error{errc::shape_mismatch, "observation: " + std::to_string(s.samples) + " sequences, " +
                                           std::to_string(b.questions.size()) + " questions, " +
                                           std::to_string(b.answers.size()) + " answers, " +
                                           std::to_string(b.answer_length.size()) + " lengths"};
  }
  if (!b.domains.empty() && b.domains.size() != s.samples) {
    return error{errc::shape_mismatch, "observation: " + std::to_string(s.samples) + " sequences, " +
                                           std::to_string(b.domains.size()) + " domains"};
  }
  if (s.samples == 0) return s;
  if (b.patches == host_tensor()) {
    if (!b.features.shape().empty() || !b.token_relevance.shape().empty() || !b.encoded.shape().empty()) {
      return error{errc::shape_mismatch, "observation: features, token_relevance or encoded without patches; text alone has none"};
    }
  } else {
    FRESHET_TRY(fit(b.patches, "patches", dtype::u8, {&s.samples, &s.tokens, &s.patch_bytes}));
  }
  if (s.tokens > limits.tokens) return too_large("tokens", s.tokens, limits.tokens);
  if (s.patch_bytes > limits.patch_bytes) return too_large("bytes a patch", s.patch_bytes, limits.patch_bytes);
  if (!b.features.empty()) FRESHET_TRY(fit(b.features, "features", dtype::f32, {&s.samples, &s.tokens, &s.width}));
  if (!b.encoded.empty()) FRESHET_TRY(fit(b.encoded, "encoded", dtype::f32, {&s.samples, &s.tokens, &s.encoded_width}));
  if (s.encoded_width > limits.encoded_width) return too_large("features a token", s.encoded_width, limits.encoded_width);
  if (s.encoded_width > 0 && b.encoder.value == 0) {
    return error{errc::invalid_argument, "observation: encoder features without the hash of their encoder"};
  }
  if (!b.answer_logits.empty()) {
    FRESHET_TRY(fit(b.answer_logits, "answer_logits", dtype::f32, {&s.samples, &s.positions, &s.vocabulary}));
  }
  if (!b.token_relevance.empty()) {
    FRESHET_TRY(fit(b.token_relevance, "token_relevance", dtype::f32, {&s.samples, &s.tokens}));
    s.relevance = true;
  }
  return s;
}

result<void> check_sample(const observation_batch& b, const observation_shape& s, std::size_t i,
                          const observation_limits& limits) {
  std::size_t longest = std::max(b.questions[i].size(), b.answers[i].size());
  if (!b.domains.empty()) longest = std::max(longest, b.domains[i].size());
  if (longest > limits.text_bytes) return too_large("bytes of text", longest, limits.text_bytes);
  if (s.positions > 0 && (b.answer_length[i] == 0 || b.answer_length[i] > s.positions)) {
    return error{errc::corrupt, "observation: an answer of " + std::to_string(b.answer_length[i]) +
                                    " tokens with logits for " + std::to_string(s.positions)};
  }
  if (s.width > 0 && !uncertainty::all_finite(b.features.as<float>() + i * s.tokens * s.width, s.tokens * s.width)) {
    return error{errc::corrupt, "observation: features that are not finite"};
  }
  const float* encoded = s.encoded_width > 0 ? b.encoded.as<float>() + i * s.tokens * s.encoded_width : nullptr;
  const bool within = encoded == nullptr || std::all_of(encoded, encoded + s.tokens * s.encoded_width, [](float x) {
    return std::abs(x) <= uncertainty::largest_feature;   // a NaN is not
  });
  if (!within) return error{errc::corrupt, "observation: features of the vision tower that are not finite, or beyond half precision"};
  return {};
}

uncertainty::sample_view view_of(const observation_batch& b, const observation_shape& s, std::size_t i) {
  uncertainty::sample_view v;
  v.tokens = s.tokens;
  if (s.tokens > 0) v.patches = b.patches.data() + i * s.tokens * s.patch_bytes;
  v.patch_bytes = s.patch_bytes;
  if (s.positions > 0) {
    v.logits = b.answer_logits.as<float>() + i * s.positions * s.vocabulary;
    v.positions = b.answer_length[i];
    v.vocabulary = s.vocabulary;
  }
  if (s.width > 0) {
    v.features = b.features.as<float>() + i * s.tokens * s.width;
    v.width = s.width;
  }
  if (s.relevance) v.relevance = b.token_relevance.as<float>() + i * s.tokens;
  return v;
}

}  // namespace freshet::actors
