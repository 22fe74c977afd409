#include "actors/compressor/compressor_core.hpp"

#include "actors/refusal.hpp"
#include "kernels/delta/codec.hpp"
#include "kernels/delta/refresh.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace {

using topology::address;
using topology::any_message;
using topology::refresh_ready;
using topology::refresh_request;

result<void> check_values(const host_tensor& values, const char* what, std::uint64_t needed) {
  if (values.type() != dtype::f32 || values.items() != needed) {
    return {errc::shape_mismatch, std::string(what) + " of " + std::to_string(values.items()) + " " +
                                      std::string(name(values.type())) + " values; the layout has " +
                                      std::to_string(needed) + " of f32"};
  }
  return {};
}

class compressor_core final : public role_core {
 public:
  compressor_core(compressor_options options, const delta::update_codec& codec)
      : options_(std::move(options)), codec_(codec), fp16_bytes_(2 * options_.parts.total()) {
    budget_ = options_.budget_bytes.value_or(delta::unlimited_bytes);
    if (options_.budget_share) {
      const double share = std::floor(*options_.budget_share * static_cast<double>(fp16_bytes_));
      budget_ = std::min(budget_, static_cast<std::uint64_t>(share));
    }
  }

  void start(time_point, outbox&) override {}

  void handle(const address& from, const any_message& m, time_point, outbox& out) override {
    const auto* request = std::get_if<refresh_request>(&m);
    if (request == nullptr) return refuse_unknown("compressor", from, m, out);
    if (queue_.size() >= options_.queue_limit) {
      return fail(from, m, error{errc::overloaded, std::to_string(queue_.size()) + " refreshes wait"}, out);
    }
    queue_.emplace_back(from, *request);
  }

  void tick(time_point, outbox&) override {}

  bool work(time_point, outbox& out) override {
    if (queue_.empty()) return false;
    const auto& [from, request] = queue_.front();
    if (out.room(from) == 0) return false;  // its acknowledgement calls us again
    if (auto ready = compress(request)) {
      out.spent_on("compress", 1);
      out.send(from, std::move(*ready));
    } else {
      fail(from, request, ready.err(), out);
    }
    queue_.pop_front();
    return !queue_.empty();
  }

  std::uint32_t capacity(const address&) const override {
    return options_.queue_limit -
           static_cast<std::uint32_t>(std::min<std::size_t>(queue_.size(), options_.queue_limit));
  }

  std::string stats_json() const override {
    const double mean = made_ == 0 ? 0.0 : static_cast<double>(bytes_) / static_cast<double>(made_);
    const auto fp16 = static_cast<double>(std::max<std::uint64_t>(1, fp16_bytes_));
    nlohmann::json all{{"codec", options_.codec},
                       {"values", options_.parts.total()},
                       {"fp16_bytes", fp16_bytes_},
                       {"refreshes", made_},
                       {"failures", failures_},
                       {"waiting", queue_.size()},
                       {"artefact_bytes", bytes_},
                       {"artefact_bytes_last", last_bytes_},
                       {"fp16_ratio_last", static_cast<double>(last_bytes_) / fp16},
                       {"fp16_ratio_mean", mean / fp16}};
    all["budget_bytes"] = budget_ == delta::unlimited_bytes ? nlohmann::json() : nlohmann::json(budget_);
    return all.dump();
  }

  void stop(time_point, outbox&) override {}

 private:
  void fail(const address& from, const any_message& m, const error& why, outbox& out) {
    ++failures_;
    out.log(log_level::warn, "no refresh for " + from.text() + ": " + why.text());
    refuse(from, m, why, out);
  }

  result<refresh_ready> compress(const refresh_request& request) {
    const std::uint64_t total = options_.parts.total();
    FRESHET_TRY(check_values(request.mirror, "mirror", total));
    FRESHET_TRY(check_values(request.target, "target", total));
    const float* importance = nullptr;
    if (options_.use_importance && !request.importance.empty()) {
      FRESHET_TRY(check_values(request.importance, "importance", total));
      importance = request.importance.as<float>();
    }
    // Numbers of versions that turned out bad are passed over.
    if (request.next.value <= request.base.value) {
      return error{errc::invalid_argument, "refresh from version " + std::to_string(request.base.value) + " to " +
                                               std::to_string(request.next.value) + "; a later one is right"};
    }
    delta::artefact label;
    label.line = request.line;
    label.teacher = request.teacher;
    label.first_sample = request.first_sample;
    label.last_sample = request.last_sample;
    label.metric_before = request.metric_before;
    label.metric_after = request.metric_after;
    const float* held = request.mirror.as<float>();
    const std::vector<float> mirror(held, held + total);
    FRESHET_TRY_ASSIGN(delta::refresh made,
                       delta::make_refresh({options_.parts, request.target.as<float>(), importance, budget_}, codec_,
                                           mirror, request.base, std::move(label)));
    made.made.made = request.next;
    FRESHET_TRY_ASSIGN(auto bytes, delta::encode_artefact(made.made));
    ++made_;
    last_bytes_ = bytes.size();
    bytes_ += last_bytes_;
    return refresh_ready{request.base, request.next, host_tensor::of(std::move(bytes))};
  }

  compressor_options options_;
  const delta::update_codec& codec_;
  std::uint64_t fp16_bytes_;
  std::uint64_t budget_ = 0;
  std::deque<std::pair<address, refresh_request>> queue_;
  std::uint64_t made_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t last_bytes_ = 0;
};

}  // namespace

result<std::unique_ptr<role_core>> make_compressor(compressor_options options) {
  FRESHET_TRY(options.parts.validate());
  FRESHET_TRY_ASSIGN(const delta::update_codec* codec, delta::find_codec(options.codec));
  if (options.queue_limit == 0) return error{errc::config, "compressor: queue_limit must be at least 1"};
  if (options.budget_share && !(*options.budget_share > 0 && *options.budget_share <= 16)) {
    return error{errc::config, "compressor: budget_share is " + std::to_string(*options.budget_share) +
                                   "; a share above 0 of the fp16 bytes is right"};
  }
  return std::unique_ptr<role_core>(std::make_unique<compressor_core>(std::move(options), *codec));
}

}  // namespace freshet::actors
