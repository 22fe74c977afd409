// A device's observations for tests of the uplink filter, drawn, and the filter that is fed with them. Names are those of a
// world of its own: take them in with a using directive.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "actors/uplink_filter/uplink_filter_core.hpp"
#include "kernels/base/rng.hpp"
#include "tests/support/fake_outbox.hpp"

namespace freshet::actors::filter_world {

using test::fake_outbox;
using topology::observation_batch;
using topology::uts_batch;

inline const topology::address intake{"cloud", "intake"};
inline const topology::address device{"edge-1", "device"};
inline const time_point start_time{};

inline constexpr std::size_t tokens = 9;
inline constexpr std::size_t patch_bytes = 12;
inline constexpr std::size_t width = 5;
inline constexpr std::size_t positions = 3;
inline constexpr std::size_t vocabulary = 7;

inline uplink_filter_options plain_options() {
  uplink_filter_options o;
  o.intake = intake;
  o.gate.name = "all";
  o.gate.probe_share = 0;
  o.batch = 4;
  o.window = 1000000;  // nobody settles what these tests send, unless they say so
  return o;
}

inline std::unique_ptr<role_core> filter_of(uplink_filter_options o) {
  auto made = make_uplink_filter(std::move(o));
  EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.err().text());
  return std::move(made).value();
}

template <class T>
std::vector<std::int64_t> dims(std::initializer_list<T> of) {
  return std::vector<std::int64_t>(of.begin(), of.end());
}

struct world {
  explicit world(std::uint64_t seed) : random(seed) {}
  rng random;
  std::uint64_t next = 0;

  // Patches of sample s, token t are filled with bytes that name both, if `named`; noise otherwise.
  observation_batch observe(std::size_t n, std::uint64_t tick = 0, bool end = false, bool named = false) {
    observation_batch b;
    b.device = device_id{7};
    b.tick = tick;
    b.end_of_tick = end;
    std::vector<std::uint8_t> patches;
    std::vector<float> features, logits, relevance;
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t s = next++;
      b.sequences.push_back(sequence{s});
      b.questions.push_back("what colour is the shape?");
      b.answers.push_back("red");
      b.answer_length.push_back(static_cast<std::uint32_t>(1 + random.below(positions)));
      for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t k = 0; k < patch_bytes; ++k) {
          patches.push_back(named ? static_cast<std::uint8_t>(s * 16 + t) : static_cast<std::uint8_t>(random.next()));
        }
        relevance.push_back(static_cast<float>(random.uniform()));
      }
      for (std::size_t k = 0; k < tokens * width; ++k) features.push_back(static_cast<float>(random.normal()));
      for (std::size_t k = 0; k < positions * vocabulary; ++k) logits.push_back(static_cast<float>(3 * random.normal()));
    }
    if (n == 0) return b;
    b.patches = host_tensor::of(patches, dims({n, tokens, patch_bytes}));
    b.features = host_tensor::of(features, dims({n, tokens, width}));
    b.answer_logits = host_tensor::of(logits, dims({n, positions, vocabulary}));
    b.token_relevance = host_tensor::of(relevance, dims({n, tokens}));
    return b;
  }
};

inline void feed(role_core& core, const observation_batch& b, fake_outbox& out, time_point now = start_time) {
  core.handle(device, b, now, out);
  while (core.work(now, out)) {
  }
}

inline nlohmann::json stats(const role_core& core) { return nlohmann::json::parse(core.stats_json()); }

inline std::vector<std::uint64_t> positions_of(const std::vector<uts_batch>& sent) {
  std::vector<std::uint64_t> all;
  for (const auto& b : sent) {
    for (const auto& s : b.samples) all.push_back(s.position.value);
  }
  return all;
}

}  // namespace freshet::actors::filter_world
