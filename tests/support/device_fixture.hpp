// A device's core on a tiny random student, with a stream of noise, a fake cloud and time by hand.
#pragma once

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "actors/offer_content.hpp"
#include "actors/device/device_core.hpp"
#include "actors/device/student_runtime.hpp"
#include "kernels/delta/artefact.hpp"
#include "kernels/delta/update.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/tiny_student.hpp"

namespace freshet::actors {

class device_fixture : public ::testing::Test {
 protected:
  const topology::address filter{"edge", "uplink-filter"};
  const topology::address deployer{"cloud", "deployer"};
  const topology::address bench{"bench", "bench"};

  explicit device_fixture(bool text_only = false) : tiny_(1, text_only), oracle_(std::move(*student_runtime::load({tiny_.model(), tiny_.lora, 4}))) {}

  device_options options(bool paced) {
    device_options o;
    o.device = device_id{3};
    o.filter = filter;
    o.deployer = deployer;
    if (paced) o.bench = bench;
    o.model = tiny_.model();
    o.lora = tiny_.lora;
    o.max_new_tokens = 4;
    o.samples_per_phase = 50;
    o.samples_per_second = 20;
    o.stream = [this]() -> result<std::vector<stream_phase>> {
      auto a = std::make_shared<test::noise_source>(1, bad_);
      auto b = std::make_shared<test::noise_source>(2);
      if (with_answers_) {
        for (const auto& s : {a, b}) s->truth = [this](const scenes::sample& x) { return base_answer(x); };
      }
      return std::vector<stream_phase>{{"first", a}, {"second", b}};
    };
    return o;
  }

  std::unique_ptr<role_core> make(device_options o) {
    auto made = make_device(std::move(o));
    EXPECT_TRUE(made.ok()) << made.err().text();
    return std::move(*made);
  }

  /// What the student of version 0 says: the truth of these tests.
  std::string base_answer(const scenes::sample& s) {
    return oracle_.answer({*oracle_.prepare(s.picture, s.question)}, {false, false, false, false}).answers[0];
  }

  host_tensor drifted(const host_tensor& from, std::uint64_t seed) {
    std::vector<float> v(from.as<float>(), from.as<float>() + from.items());
    rng draw(seed);
    for (float& x : v) x += static_cast<float>(draw.normal());
    return host_tensor::of(std::move(v));
  }

  void work_off(role_core& core) {
    for (int slices = 0; core.work(now_, out_); ++slices) ASSERT_LT(slices, 1000);
  }

  void pace(role_core& core, std::uint64_t tick, std::uint64_t first, std::uint32_t count) {
    core.handle(bench, topology::pace{tick, first, count}, now_, out_);
  }

  /// Lets time pass in steps of 50 ms, as the shell does.
  void live(role_core& core, duration how_long) {
    for (const time_point end = now_ + how_long; now_ < end;) {
      now_ += std::chrono::milliseconds(50);
      core.tick(now_, out_);
      work_off(core);
    }
  }

  /// Offers an exact update and answers all chunk requests.
  void update(role_core& core, const host_tensor& base, const host_tensor& target, std::uint64_t from,
              std::uint64_t to) {
    delta::artefact a;
    a.line = oracle_.line();
    a.base = version{from};
    a.made = version{to};
    a.base_hash = delta::hash_values(base.as<float>(), base.items());
    a.result_hash = delta::hash_values(target.as<float>(), target.items());
    a.codec = "exact";
    auto payload = delta::encode_exact_update(base.as<float>(), target.as<float>(), oracle_.layout());
    ASSERT_TRUE(payload.ok()) << payload.err().text();
    a.payload = std::move(*payload);
    const auto bytes = delta::encode_artefact(a);
    ASSERT_TRUE(bytes.ok());
    topology::artefact_offer offer;
    offer.artefact = to;
    offer.base = a.base;
    offer.next = a.made;
    offer.bytes = bytes->size();
    offer.content = hash_content(bytes->data(), bytes->size());
    offer.chunk_bytes = 1000;
    out_.take<topology::chunk_request>();
    core.handle(deployer, offer, now_, out_);
    for (auto asked = out_.take<topology::chunk_request>(); !asked.empty();
         asked = out_.take<topology::chunk_request>()) {
      for (const auto& request : asked) {
        for (std::uint32_t i = 0; i < request.chunks; ++i) {
          const std::uint64_t at = request.offset + i * 1000ULL;
          if (at >= bytes->size()) break;
          const std::size_t n = std::min<std::size_t>(1000, bytes->size() - at);
          const std::vector<std::uint8_t> part(bytes->begin() + static_cast<std::ptrdiff_t>(at),
                                               bytes->begin() + static_cast<std::ptrdiff_t>(at + n));
          core.handle(deployer, topology::artefact_chunk{request.artefact, at, host_tensor::of(part)}, now_, out_);
        }
      }
    }
  }

  /// What the deployer was told; a bench that paces hears the same.
  std::vector<topology::device_report> reports() {
    std::vector<topology::device_report> to_deployer;
    std::vector<topology::device_report> to_bench;
    for (const auto& sent : out_.messages) {
      const auto* r = std::get_if<topology::device_report>(&sent.message);
      if (r != nullptr) (sent.to == bench ? to_bench : to_deployer).push_back(*r);
    }
    EXPECT_TRUE(to_bench.empty() || to_bench == to_deployer);
    out_.take<topology::device_report>();
    return to_deployer;
  }

  static nlohmann::json stats(const role_core& core) { return nlohmann::json::parse(core.stats_json()); }

  test::tiny_student tiny_;
  student_runtime oracle_;
  std::set<std::uint64_t> bad_;
  bool with_answers_ = false;
  test::fake_outbox out_;
  time_point now_{std::chrono::seconds(1000)};
};

}  // namespace freshet::actors
