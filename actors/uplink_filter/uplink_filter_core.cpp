#include "actors/uplink_filter/uplink_filter_core.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "actors/refusal.hpp"
#include "actors/uplink_filter/device_lane.hpp"
#include "actors/uplink_filter/outlet.hpp"
#include "kernels/base/json_line.hpp"

namespace freshet::actors {
namespace {

using topology::address;
using topology::any_message;
using topology::observation_batch;

class uplink_filter_core final : public role_core {
 public:
  uplink_filter_core(uplink_filter_options options, filter_strategies strategies, std::unique_ptr<disk_spool> disk)
      : options_(std::move(options)),
        strategies_(std::move(strategies)),
        pixels_{with_loss(options_.format), options_.dct},
        put_aside_(disk ? disk->put_aside() : std::string()),
        outlet_({options_.intake, options_.spool_samples, options_.spool_bytes, options_.window, options_.settle_wait},
                std::move(disk)) {}

  void start(time_point now, outbox& out) override {
    if (!put_aside_.empty()) out.log(log_level::error, "spool begun anew: " + put_aside_);
    if (outlet_.waiting_samples() > 0) {
      out.log(log_level::info, "goes on with " + std::to_string(outlet_.waiting_samples()) + " samples of a former life");
    }
    outlet_.flush(pixels_, now, out);
  }

  void handle(const address& from, const any_message& m, time_point now, outbox& out) override {
    if (const auto* settled = std::get_if<topology::samples_settled>(&m)) {
      if (from == options_.intake) return outlet_.settle(*settled, pixels_, now, out);
      return refuse(from, m,
                    error{errc::invalid_argument,
                          "samples are settled by " + options_.intake.text() + ", not by " + from.text()},
                    out);
    }
    const auto* batch = std::get_if<observation_batch>(&m);
    if (batch == nullptr) return refuse_unknown("uplink_filter", from, m, out);
    if (inbox_.size() >= options_.inbox) {
      ++overflows_;
      return refuse(from, m, error{errc::overloaded, std::to_string(inbox_.size()) + " observations wait"}, out);
    }
    inbox_.push_back(*batch);
  }

  void tick(time_point now, outbox& out) override {
    for (auto& [device, lane] : lanes_) {
      if (lane.oldest && now - *lane.oldest >= options_.flush_interval) seal(lane, 0, false, out);
    }
    outlet_.flush(pixels_, now, out);
  }

  bool work(time_point now, outbox& out) override {
    outlet_.flush(pixels_, now, out);
    if (inbox_.empty() || outlet_.shipments() >= most_shipments) return false;
    const observation_batch batch = std::move(inbox_.front());
    inbox_.pop_front();
    take(batch, now, out);
    outlet_.flush(pixels_, now, out);
    return !inbox_.empty();
  }

  std::uint32_t capacity(const address&) const override {
    return options_.inbox - static_cast<std::uint32_t>(std::min<std::size_t>(inbox_.size(), options_.inbox));
  }

  std::string stats_json() const override {
    const auto per = [](double a, std::uint64_t b) { return b == 0 ? 0.0 : a / static_cast<double>(b); };
    double threshold = 0;
    double share = 0;
    for (const auto& [device, lane] : lanes_) {
      threshold += lane.gate().threshold() / static_cast<double>(lanes_.size());
      share += lane.gate().share() / static_cast<double>(lanes_.size());
    }
    const outlet::counters& sent = outlet_.count();
    return json_line(nlohmann::json{{"gate", options_.gate.name},
                          {"devices", lanes_.size()},
                          {"seen", seen_},
                          {"kept", kept_},
                          {"sent", sent.samples},
                          {"probes", probes_},
                          {"shed", sent.shed},
                          {"messages", sent.messages},
                          {"bytes", static_cast<std::uint64_t>(std::llround(sent.bytes))},
                          {"bytes_per_sample", per(sent.bytes, seen_)},
                          {"budget_bytes_per_sample", options_.gate.budget_bytes_per_sample},
                          {"feature_messages", sent.feature_messages},
                          {"threshold", threshold},
                          {"share", share},
                          {"mean_score", per(scores_, judged_)},
                          {"spool", outlet_.state()},
                          {"spool_faults", sent.faults},
                          {"spooled_samples", outlet_.waiting_samples()},
                          {"spooled_bytes", outlet_.waiting_bytes()},
                          {"unsettled_samples", outlet_.unsettled_samples()},
                          {"accepted", sent.accepted},
                          {"refused_samples", sent.refused},
                          {"resent_messages", sent.resent},
                          {"bad_batches", bad_batches_},
                          {"bad_samples", bad_samples_},
                          {"overflows", overflows_}});
  }

  void stop(time_point now, outbox& out) override {
    for (auto& [device, lane] : lanes_) {
      if (lane.pending() > 0) seal(lane, lane.tick(), false, out);
    }
    outlet_.flush(pixels_, now, out);
  }

 private:
  // Ends of ticks hold no samples, so the spool's own bounds do not count them.
  static constexpr std::size_t most_shipments = 4096;

  static void complain(const error& why, std::uint64_t& counter, outbox& out) {
    if (counter++ == 0) {
      out.log(log_level::warn, "skipped what a device sent (others of this kind are only counted): " + why.text());
    }
  }

  device_lane* lane_of(device_id device) {
    const auto found = lanes_.find(device);
    if (found != lanes_.end()) return &found->second;
    if (lanes_.size() >= options_.devices) return nullptr;
    return &lanes_.try_emplace(device, device, options_, strategies_).first->second;
  }

  void take(const observation_batch& batch, time_point now, outbox& out) {
    device_lane* lane = lane_of(batch.device);
    if (lane == nullptr) {
      const error why{errc::overloaded, "device " + std::to_string(batch.device.value) + " is one more than the " +
                                            std::to_string(options_.devices) + " that are served"};
      return complain(why, bad_batches_, out);
    }
    const auto shape = check_observation(batch, limits_);
    if (!shape.ok()) {
      complain(shape.err(), bad_batches_, out);
    } else {
      if (lane->must_seal_before(batch, *shape)) seal(*lane, lane->tick(), false, out);
      for (std::size_t i = 0; i < shape->samples; ++i) judge(*lane, batch, *shape, i, now, out);
    }
    if (batch.end_of_tick) {
      seal(*lane, batch.tick, true, out);
    } else if (lane->oldest) {
      out.wake_after(options_.flush_interval);
    }
  }

  void judge(device_lane& lane, const observation_batch& batch, const observation_shape& shape, std::size_t index,
             time_point now, outbox& out) {
    ++seen_;
    if (auto fine = check_sample(batch, shape, index, limits_); !fine.ok()) {
      return complain(fine.err(), bad_samples_, out);
    }
    const auto verdict = lane.judge(batch, shape, index);
    out.spent_on("score", 1);
    if (!verdict.ok()) return complain(verdict.err(), bad_samples_, out);
    ++judged_;
    scores_ += static_cast<double>(verdict->uncertainty);
    kept_ += verdict->kept ? 1 : 0;
    probes_ += verdict->probe ? 1 : 0;
    if (lane.pending() >= options_.batch) {
      seal(lane, batch.tick, false, out);
    } else if (verdict->kept && batch.tick == 0 && !lane.oldest) {
      lane.oldest = now;  // in paced mode time alone ships nothing
    }
  }

  void seal(device_lane& lane, std::uint64_t tick, bool end_of_tick, outbox& out) {
    const std::size_t samples = lane.pending();
    auto packed = lane.seal(tick, end_of_tick);
    if (samples > 0) out.spent_on("encode", samples);
    if (!packed.ok()) return complain(packed.err(), bad_batches_, out);
    outlet_.push(std::move(packed).value(), out);
  }

  uplink_filter_options options_;
  filter_strategies strategies_;
  pixel_form pixels_;
  std::string put_aside_;
  observation_limits limits_;
  std::deque<observation_batch> inbox_;
  std::map<device_id, device_lane> lanes_;
  outlet outlet_;
  std::uint64_t seen_ = 0;
  std::uint64_t judged_ = 0;
  std::uint64_t kept_ = 0;
  std::uint64_t probes_ = 0;
  std::uint64_t bad_batches_ = 0;
  std::uint64_t bad_samples_ = 0;
  std::uint64_t overflows_ = 0;
  double scores_ = 0;
};

}  // namespace

result<std::unique_ptr<role_core>> make_uplink_filter(uplink_filter_options options) {
  const auto wrong = [](const std::string& what) { return error{errc::config, "uplink_filter: " + what}; };
  if (options.scores.empty()) return wrong("scores is empty; name at least one");
  options.gate.score_count = options.scores.size();
  if (auto gate = uncertainty::make_gate(options.gate); !gate.ok()) return wrong(gate.err().context);
  if (!(options.token_share > 0 && options.token_share <= 1)) {
    return wrong("token_share " + std::to_string(options.token_share) + " (above 0, at most 1)");
  }
  if (options.batch == 0 || options.batch > 4096) {
    return wrong("batch " + std::to_string(options.batch) + " (1 to 4096)");
  }
  if (options.inbox == 0 || options.devices == 0 || options.spool_samples == 0 || options.spool_bytes == 0) {
    return wrong("inbox, devices, spool_samples and spool_bytes must be above 0");
  }
  if (options.source_samples < 2) {
    return wrong("source_samples " + std::to_string(options.source_samples) + " (2 or more)");
  }
  if (options.flush_interval <= duration::zero()) return wrong("flush_interval must be above 0");
  if (options.window == 0 || options.settle_wait <= duration::zero()) {
    return wrong("window and settle_wait must be above 0");
  }
  auto strategies = find_strategies(options);
  if (!strategies.ok()) return wrong(strategies.err().text());
  std::unique_ptr<disk_spool> disk;
  if (!options.spool_file.empty()) {
    FRESHET_TRY_ASSIGN(disk, disk_spool::open(options.spool_file, options.disk_quota_bytes));
  }
  return std::unique_ptr<role_core>(
      std::make_unique<uplink_filter_core>(std::move(options), std::move(strategies).value(), std::move(disk)));
}

}  // namespace freshet::actors
