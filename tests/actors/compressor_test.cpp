#include "actors/compressor/compressor_core.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/delta/artefact.hpp"
#include "kernels/delta/codec.hpp"
#include "tests/support/fake_outbox.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace compressor_test {

using test::fake_outbox;
using topology::error_reply;
using topology::refresh_ready;
using topology::refresh_request;

const topology::address distiller{"cloud", "distiller"};
const time_point now{};

delta::layout small_layout() {
  delta::layout parts;
  parts.append("a.lora_A.weight", 8, 40);
  parts.append("a.norm.weight", 1, 64);
  parts.append("b.lora_B.weight", 48, 8);
  return parts;
}

refresh_request request_of(std::uint64_t seed, std::uint64_t base = 3) {
  rng random(seed);
  const auto n = static_cast<std::size_t>(small_layout().total());
  std::vector<float> mirror(n);
  std::vector<float> target(n);
  for (std::size_t i = 0; i < n; ++i) {
    mirror[i] = static_cast<float>(random.normal());
    target[i] = mirror[i] + 0.01F * static_cast<float>(random.normal());
  }
  refresh_request r;
  r.line = content_hash{77};
  r.base = version{base};
  r.next = version{base + 1};
  r.mirror = host_tensor::of(mirror);
  r.target = host_tensor::of(target);
  r.first_sample = 10;
  r.last_sample = 42;
  r.teacher = "big";
  r.metric_before = 0.5F;
  r.metric_after = 0.75F;
  return r;
}

std::unique_ptr<role_core> compressor_of(compressor_options options) {
  options.parts = small_layout();
  auto made = make_compressor(std::move(options));
  return std::move(made).value();
}

double distance(const std::vector<float>& a, const float* b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  return std::sqrt(sum);
}

TEST(compressor, every_codec_makes_an_artefact_that_devices_can_apply) {
  for (const auto codec : delta::codec_names()) {
    compressor_options options;
    options.codec = codec;
    auto core = compressor_of(options);
    fake_outbox out;
    const refresh_request request = request_of(1);
    core->handle(distiller, request, now, out);
    EXPECT_TRUE(out.messages.empty()) << "heavy work belongs into work()";
    EXPECT_FALSE(core->work(now, out));
    const auto ready = out.take<refresh_ready>();
    ASSERT_EQ(ready.size(), 1U) << codec;
    EXPECT_EQ(ready[0].base, request.base);
    EXPECT_EQ(ready[0].next, request.next);
    const auto made = delta::decode_artefact({ready[0].artefact.data(), ready[0].artefact.bytes()}, {});
    ASSERT_TRUE(made.ok()) << made.err().text();
    EXPECT_EQ(made->kind, delta::artefact_kind::chain);
    EXPECT_EQ(made->codec, codec);
    EXPECT_EQ(made->teacher, "big");
    EXPECT_EQ(made->first_sample, 10U);
    EXPECT_EQ(made->last_sample, 42U);
    EXPECT_EQ(made->metric_after, 0.75F);
    const float* mirror = request.mirror.as<float>();
    std::vector<float> values(mirror, mirror + request.mirror.items());
    const auto applied = delta::apply_artefact(*made, small_layout(), content_hash{77}, version{3}, values);
    ASSERT_TRUE(applied.ok()) << applied.err().text();
    EXPECT_EQ(*applied, version{4});
    EXPECT_LT(distance(values, request.target.as<float>()),
              distance({mirror, mirror + values.size()}, request.target.as<float>()))
        << codec;
  }
}

TEST(compressor, holds_the_smaller_of_both_budgets) {
  const std::uint64_t fp16 = 2 * small_layout().total();
  compressor_options options;
  options.budget_share = 0.25;
  options.budget_bytes = 150;
  auto core = compressor_of(options);
  fake_outbox out;
  core->handle(distiller, request_of(2), now, out);
  core->work(now, out);
  auto ready = out.take<refresh_ready>();
  ASSERT_EQ(ready.size(), 1U);
  auto made = delta::decode_artefact({ready[0].artefact.data(), ready[0].artefact.bytes()}, {});
  ASSERT_TRUE(made.ok());
  EXPECT_LE(made->payload.size(), 150U);
  EXPECT_EQ(made->budget_bytes, 150U);

  options.budget_bytes = 100000;
  core = compressor_of(options);
  core->handle(distiller, request_of(2), now, out);
  core->work(now, out);
  ready = out.take<refresh_ready>();
  ASSERT_EQ(ready.size(), 1U);
  made = delta::decode_artefact({ready[0].artefact.data(), ready[0].artefact.bytes()}, {});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->budget_bytes, fp16 / 4);
  EXPECT_LE(made->payload.size(), fp16 / 4);
  const auto stats = nlohmann::json::parse(core->stats_json());
  EXPECT_EQ(stats.at("artefact_bytes_last").get<std::uint64_t>(), ready[0].artefact.bytes());
  EXPECT_DOUBLE_EQ(stats.at("fp16_ratio_mean").get<double>(),
                   static_cast<double>(ready[0].artefact.bytes()) / static_cast<double>(fp16));
}

TEST(compressor, what_the_budget_left_out_comes_with_later_refreshes) {
  compressor_options options;
  options.budget_share = 0.1;
  auto core = compressor_of(options);
  fake_outbox out;
  refresh_request request = request_of(3, 0);
  const float* target = request.target.as<float>();
  std::vector<float> mirror(request.mirror.as<float>(), request.mirror.as<float>() + request.mirror.items());
  const double before = distance(mirror, target);
  for (std::uint64_t v = 0; v < 40; ++v) {
    request.base = version{v};
    request.next = version{v + 1};
    request.mirror = host_tensor::of(mirror);
    core->handle(distiller, request, now, out);
    core->work(now, out);
    const auto ready = out.take<refresh_ready>();
    ASSERT_EQ(ready.size(), 1U);
    const auto made = delta::decode_artefact({ready[0].artefact.data(), ready[0].artefact.bytes()}, {});
    ASSERT_TRUE(delta::apply_artefact(*made, small_layout(), content_hash{77}, version{v}, mirror).ok());
  }
  EXPECT_LT(distance(mirror, target), 0.05 * before);
}

TEST(compressor, answers_bad_requests_with_what_would_be_right) {
  auto core = compressor_of({});
  fake_outbox out;
  const auto code_of = [&](const refresh_request& r) {
    core->handle(distiller, r, now, out);
    core->work(now, out);
    EXPECT_EQ(out.count<refresh_ready>(), 0U);
    const auto replies = out.take<error_reply>();
    EXPECT_EQ(replies.size(), 1U);
    if (replies.empty()) return errc{};
    EXPECT_EQ(replies[0].refused_type, topology::message_traits<refresh_request>::number);
    return static_cast<errc>(replies[0].code);
  };
  refresh_request r = request_of(4);
  r.mirror = host_tensor::of(std::vector<float>(5));
  EXPECT_EQ(code_of(r), errc::shape_mismatch);
  r = request_of(4);
  r.target = host_tensor::of(std::vector<std::uint8_t>(4 * small_layout().total()));
  EXPECT_EQ(code_of(r), errc::shape_mismatch);
  r = request_of(4);
  r.importance = host_tensor::of(std::vector<float>(5, 1.0F));
  EXPECT_EQ(code_of(r), errc::shape_mismatch);
  r = request_of(4);
  r.next = r.base;  // not a later one
  EXPECT_EQ(code_of(r), errc::invalid_argument);
  r = request_of(4);
  std::vector<float> diverged(r.target.items(), std::numeric_limits<float>::quiet_NaN());
  r.target = host_tensor::of(diverged);
  EXPECT_EQ(code_of(r), errc::invalid_argument);
  core->handle(distiller, topology::stats_request{"all"}, now, out);
  EXPECT_EQ(out.take<error_reply>().size(), 1U);
  // After all of that it still works.
  core->handle(distiller, request_of(4), now, out);
  core->work(now, out);
  EXPECT_EQ(out.take<refresh_ready>().size(), 1U);
}

TEST(compressor, a_fixed_rate_codec_over_its_budget_says_so) {
  compressor_options options;
  options.codec = "none";
  options.budget_bytes = 100;
  auto core = compressor_of(options);
  fake_outbox out;
  core->handle(distiller, request_of(5), now, out);
  core->work(now, out);
  const auto replies = out.take<error_reply>();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].code, static_cast<std::uint8_t>(errc::too_large));
}

TEST(compressor, queues_within_its_capacity_and_answers_in_order_when_there_is_room) {
  compressor_options options;
  options.queue_limit = 2;
  auto core = compressor_of(options);
  fake_outbox out;
  out.set_room(distiller, 0);
  EXPECT_EQ(core->capacity(distiller), 2U);
  core->handle(distiller, request_of(6, 1), now, out);
  core->handle(distiller, request_of(6, 2), now, out);
  EXPECT_EQ(core->capacity(distiller), 0U);
  EXPECT_FALSE(core->work(now, out));
  EXPECT_TRUE(out.messages.empty());
  out.set_room(distiller, 2);
  EXPECT_TRUE(core->work(now, out));
  EXPECT_FALSE(core->work(now, out));
  const auto ready = out.take<refresh_ready>();
  ASSERT_EQ(ready.size(), 2U);
  EXPECT_EQ(ready[0].base, version{1});
  EXPECT_EQ(ready[1].base, version{2});
}

TEST(compressor, options_that_make_no_sense_are_errors) {
  compressor_options options;
  options.parts = small_layout();
  options.codec = "zip";
  EXPECT_EQ(make_compressor(options).err().code, errc::not_found);
  options.codec = "dwc";
  options.budget_share = 0.0;
  EXPECT_EQ(make_compressor(options).err().code, errc::config);
}

}  // namespace compressor_test
}  // namespace freshet::actors
