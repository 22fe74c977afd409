#include "actors/device/device_core.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <set>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "actors/access/private_file.hpp"
#include "actors/device/answerer.hpp"
#include "actors/device/device_state.hpp"
#include "actors/device/stream_clock.hpp"
#include "actors/device/student_runtime.hpp"
#include "actors/device/update_receiver.hpp"
#include "actors/refusal.hpp"
#include "kernels/base/check.hpp"
#include "kernels/base/json_line.hpp"

namespace freshet::actors {
namespace {

using topology::address;
using topology::any_message;

constexpr duration heartbeat = std::chrono::seconds(1);
constexpr duration rate_window = std::chrono::seconds(2);
constexpr std::size_t most_paces = 4;
constexpr std::uint32_t most_samples_a_tick = 1U << 20;
constexpr std::uint64_t least_positions_reserved = 256;
constexpr std::size_t most_logged_refusals = 256;
constexpr std::uint64_t most_artefact_bytes_on_disk = std::uint64_t{4} << 30;

class device_core final : public role_core {
 public:
  device_core(device_options options, student_runtime student, phase_stream stream, std::optional<device_state> state,
              self_check check)
      : options_(std::move(options)),
        state_(std::move(state)),
        check_(std::move(check)),
        answerer_(std::move(student), std::move(stream), options_.twin) {}

  void start(time_point now, outbox& out) override {
    restore_versions(out);
    if (!options_.bench) {
      restore_position(out);
      clock_.emplace(options_.samples_per_second, options_.batch, now);
    }
    rate_from_ = now;
    send_report(now, out);
  }

  void handle(const address& from, const any_message& m, time_point now, outbox& out) override {
    if (receiver_->handle(from, m, now, out)) {
      keep_trust(now, out);
      report_refusals(now, out);
    } else if (const auto* asked = std::get_if<topology::pace>(&m)) {
      if (auto ok = take_pace(from, *asked); !ok) refuse(from, m, ok.err(), out);
    } else if (const auto* order = std::get_if<topology::slot_order>(&m)) {
      take_order(from, m, *order, out);
    } else if (const auto* no = std::get_if<topology::error_reply>(&m)) {
      ++refused_by_peers_;
      if (logged_refusals_.size() < most_logged_refusals &&
          logged_refusals_.emplace(no->refused_type, no->code).second) {
        out.log(log_level::warn, from.text() + " refused (others of this kind are only counted): " + no->context);
      }
    } else {
      refuse_unknown("device", from, m, out);
    }
  }

  void tick(time_point now, outbox& out) override {
    receiver_->tick(now, out);
    report_refusals(now, out);
    if (now - last_report_ >= heartbeat) send_report(now, out);
    if (now - rate_from_ >= rate_window) {
      const double seconds = std::chrono::duration<double>(now - rate_from_).count();
      answers_per_second_ = static_cast<double>(answerer_.answered() - rate_answered_) / seconds;
      const auto answers = static_cast<double>(answerer_.answered() - rate_answered_);
      if (answers > 0) answer_ms_ = std::chrono::duration<double, std::milli>(answering_).count() / answers;
      answering_ = duration::zero();
      rate_from_ = now;
      rate_answered_ = answerer_.answered();
    }
  }

  bool work(time_point now, outbox& out) override {
    const bool inside_tick = !paces_.empty() && paces_.front().begun && !paces_.front().ended;
    if (!inside_tick) swap_in(now, out);
    return options_.bench ? work_paced(out) : work_free(now, out);
  }

  std::uint32_t capacity(const address&) const override {
    return static_cast<std::uint32_t>(most_paces - std::min(most_paces, paces_.size()));
  }

  std::string stats_json() const override {
    const scoreboard::tally& all = answerer_.scores().all();
    const scoreboard::tally& recent = answerer_.scores().recent();
    const auto counted = receiver_ ? receiver_->count() : update_receiver::counters{};
    nlohmann::json j{{"phase", answerer_.stream().phase_at(position_)},
                     {"position", position_},
                     {"answered", answerer_.answered()},
                     {"scored", all.scored},
                     {"correct", all.correct},
                     {"twin", answerer_.has_twin()},
                     {"twin_correct", all.twin_correct},
                     {"window_scored", recent.scored},
                     {"window_correct", recent.correct},
                     {"window_twin_correct", recent.twin_correct},
                     {"version", receiver_ ? receiver_->active().number.value : 0},
                     {"updates_applied", counted.updates},
                     {"updates_refused", counted.refused},
                     {"update_bytes", counted.artefact_bytes},
                     {"answers_per_second", answers_per_second_},
                     {"skipped", answerer_.skipped().total()},
                     {"skipped_kinds", answerer_.skipped().summary()},
                     {"late", late_},
                     {"dropped_observations", dropped_observations_},
                     {"refused_by_peers", refused_by_peers_},
                     {"state_faults", state_faults_}};
    return json_line(j);
  }

  void stop(time_point, outbox& out) override {
    // Versions are on disk since they became active; only the reserve of positions is given back.
    if (clock_) keep_position(position_, out);
  }

 private:
  struct pace_in_progress {
    address from;
    topology::pace what;
    std::uint32_t done = 0;
    bool begun = false;
    bool ended = false;                  ///< all is answered; the word to the bench may still wait
    version student;
    std::vector<std::string> answers;    ///< of the samples so far; empty for a skipped one
    std::vector<std::uint32_t> skipped;  ///< their places among those
  };

  // --- what survives a restart ----------------------------------------------------------------

  void state_fault(const error& why, outbox& out) {
    ++state_faults_;
    out.log(log_level::error, "state: " + why.text());
  }

  void restore_versions(outbox& out) {
    student_runtime& student = answerer_.student();
    device_state::restored kept;
    if (state_) kept = state_->restore();
    for (const error& fault : kept.faults) state_fault(fault, out);
    std::vector<ready_update> sane;
    for (const kept_version& v : kept.versions) {
      auto ok = student.write(v.values);
      if (ok) ok = student.self_test();
      if (ok) {
        sane.push_back({v.values, v.number, v.hash});
      } else {
        state_fault({ok.err().code, "kept version " + std::to_string(v.number.value) + ": " + ok.err().context}, out);
      }
    }
    const host_tensor active = sane.empty() ? student.base_values() : sane.front().values;
    const version number = sane.empty() ? version{0} : sane.front().number;
    const auto written = student.write(active);
    FRESHET_ENSURE(written.ok(), "values that were written before fit");
    update_receiver_options o;
    o.device = options_.device;
    o.deployer = options_.deployer;
    o.parts = student.layout();
    o.line = student.line();
    o.base = student.base_values();
    o.trusted = options_.trusted;
    o.scratch = options_.state_dir;
    if (state_) o.max_artefact_bytes = most_artefact_bytes_on_disk;
    receiver_.emplace(std::move(o), active, number);
    if (sane.size() > 1) receiver_->restore_previous(std::move(sane[1]));
    if (state_) out.log(log_level::info, "begins with version " + std::to_string(number.value));
  }

  void restore_position(outbox& out) {
    if (!state_) return;
    const auto kept = state_->position();
    if (kept.ok()) {
      position_ = *kept;
    } else {
      state_fault(kept.err(), out);
    }
    reserved_ = position_;
  }

  void keep_position(std::uint64_t next, outbox& out) {
    if (!state_) return;
    if (const auto ok = state_->keep_position(next); !ok) state_fault(ok.err(), out);
    reserved_ = next;
  }

  // A position is used once in all lives of the device: with the device's number it names a sample.
  void reserve(std::uint64_t next, outbox& out) {
    if (!state_ || next <= reserved_) return;
    const auto ten_seconds = static_cast<std::uint64_t>(options_.samples_per_second * 10);
    keep_position(next + std::max(least_positions_reserved, ten_seconds), out);
  }

  // The file may fail: then the next life follows the statements once more.
  void keep_trust(time_point now, outbox& out) {
    const auto& list = receiver_->trusted();
    if (!list || list == options_.trusted) return;
    options_.trusted = list;
    out.log(log_level::info, "list " + std::to_string(list->serial) + " of trusted artefact keys is in force");
    if (!options_.trusted_keys.empty()) {
      const auto kept = access::write_private_file(options_.trusted_keys, delta::text_of(*list), access::existing::replace);
      if (!kept) state_fault(kept.err(), out);
    }
    send_report(now, out);
  }

  // --- updates --------------------------------------------------------------------------------

  void swap_in(time_point now, outbox& out) {
    auto next = receiver_->take_ready();
    if (!next) return;
    const content_hash before = receiver_->active().hash;
    const auto ok = check_.admit(answerer_.student(), next->values);
    out.spent_on("admit", 1);
    if (!ok) {
      receiver_->reject(ok.err().text(), now);
      out.log(log_level::warn, "version " + std::to_string(next->number.value) + " stays out: " + ok.err().text());
      report_refusals(now, out);
      return;
    }
    receiver_->confirm_active(next->number);
    if (state_) {
      const auto& second = receiver_->previous();
      const auto slot = !second                  ? device_state::second_slot::empties
                        : second->hash == before ? device_state::second_slot::takes_active
                                                 : device_state::second_slot::stays;
      const auto kept = state_->commit({next->number, next->hash, next->values}, slot);
      if (!kept) state_fault(kept.err(), out);
    }
    out.log(log_level::info, "version " + std::to_string(next->number.value) + " is active");
    send_report(now, out);
  }

  void take_order(const address& from, const any_message& m, const topology::slot_order& order, outbox& out) {
    if (from != options_.deployer) {
      refuse(from, m, error{errc::invalid_argument, "updates come from " + options_.deployer.text()}, out);
    } else if (receiver_->take_slot(order)) {
      out.log(log_level::warn, "goes back to version " + std::to_string(order.active.value) + ": " + order.why);
    }
  }

  void send_report(time_point now, outbox& out) {
    topology::device_report r = receiver_->report();
    r.tick = last_tick_;
    r.answered = answerer_.answered();
    r.answers_per_second = static_cast<float>(answers_per_second_);
    r.answer_ms = static_cast<float>(answer_ms_);
    if (options_.bench) out.send(*options_.bench, r);
    out.send(options_.deployer, std::move(r));
    last_report_ = now;
    reported_refusals_ = receiver_->count().refused;
  }

  void report_refusals(time_point now, outbox& out) {
    if (receiver_->count().refused != reported_refusals_) send_report(now, out);
  }

  // --- answers --------------------------------------------------------------------------------

  answered_stretch answer(std::uint64_t first, std::uint32_t count, bool shown, outbox& out) {
    wanted_extras wanted{shown, shown && options_.send_features, shown, shown && options_.send_relevance,
                         shown && options_.send_encoded};
    const time_point begin = options_.clock ? options_.clock() : time_point{};
    answered_stretch got = answerer_.answer(first, count, wanted);
    if (options_.clock) answering_ += options_.clock() - begin;
    out.spent_on("answer", got.positions.size());
    for (const error& why : got.news) {
      out.log(log_level::warn, "skipped a sample (others of this kind are only counted): " + why.text());
    }
    return got;
  }

  topology::observation_batch observation(answered_stretch got) const {
    topology::observation_batch o;
    o.device = options_.device;
    o.student = receiver_->active().number;
    for (const sequence position : got.positions) o.domains.push_back(answerer_.stream().phase_at(position.value));
    o.sequences = std::move(got.positions);
    o.questions = std::move(got.questions);
    o.answers = std::move(got.batch.answers);
    o.answer_length = std::move(got.batch.lengths);
    o.patches = std::move(got.batch.patches);
    o.features = std::move(got.batch.features);
    o.answer_logits = std::move(got.batch.logits);
    o.token_relevance = std::move(got.batch.relevance);
    o.encoded = std::move(got.batch.encoded);
    if (!o.encoded.empty()) o.encoder = answerer_.student().encoder();
    return o;
  }

  bool work_free(time_point now, outbox& out) {
    const std::uint64_t late = clock_->give_up_late(now);
    late_ += late;
    position_ += late;
    const std::uint32_t count = clock_->ready(now);
    if (count == 0) {
      out.wake_after(clock_->until_ready(now));
      return false;
    }
    reserve(position_ + count, out);
    const bool shown = out.room(options_.filter) > 0;
    answered_stretch got = answer(position_, count, shown, out);
    clock_->take(count);
    position_ += count;
    if (!shown) {
      dropped_observations_ += got.positions.size();
    } else if (!got.positions.empty()) {
      out.send(options_.filter, observation(std::move(got)));
    }
    return clock_->ready(now) > 0;
  }

  result<void> take_pace(const address& from, const topology::pace& asked) {
    if (!options_.bench) return {errc::invalid_argument, "this device runs on its own clock"};
    if (from != *options_.bench) {
      return {errc::invalid_argument, "paced by " + options_.bench->text() + ", not by " + from.text()};
    }
    if (asked.tick == 0) return {errc::invalid_argument, "tick 0 means free-running; ticks count from 1"};
    if (asked.count > most_samples_a_tick || asked.first > most_position) {
      return {errc::too_large, "samples " + std::to_string(asked.first) + " + " + std::to_string(asked.count) +
                                   "; at most " + std::to_string(most_samples_a_tick) + " a tick"};
    }
    if (paces_.size() >= most_paces) return {errc::overloaded, std::to_string(most_paces) + " ticks wait already"};
    pace_in_progress p;
    p.from = from;
    p.what = asked;
    paces_.push_back(std::move(p));
    return {};
  }

  // One batch of the tick at hand; in its last slice the word to the bench.
  bool work_paced(outbox& out) {
    if (paces_.empty()) return false;
    pace_in_progress& p = paces_.front();
    if (!p.ended) {
      if (out.room(options_.filter) == 0) return false;
      answer_some(p, out);
      if (!p.ended) return true;
    }
    if (out.room(p.from) == 0) return false;
    out.send(p.from, topology::paced{options_.device, p.what.tick, p.student, std::move(p.answers), std::move(p.skipped)});
    paces_.pop_front();
    return !paces_.empty();
  }

  void answer_some(pace_in_progress& p, outbox& out) {
    if (!p.begun) {
      p.begun = true;
      p.student = receiver_->active().number;
      p.answers.reserve(p.what.count);
    }
    const std::uint64_t first = p.what.first + p.done;
    const std::uint32_t count = std::min(options_.batch, p.what.count - p.done);
    answered_stretch got = answer(first, count, true, out);
    p.answers.resize(p.answers.size() + count);
    std::size_t answered = 0;
    for (std::uint32_t place = p.done; place < p.done + count; ++place) {
      if (answered < got.positions.size() && got.positions[answered].value == p.what.first + place) {
        p.answers[place] = got.batch.answers[answered++];
      } else {
        p.skipped.push_back(place);
      }
    }
    p.done += count;
    p.ended = p.done == p.what.count;
    position_ = p.what.first + p.done;
    last_tick_ = p.what.tick;
    if (got.positions.empty() && !p.ended) return;
    topology::observation_batch o = observation(std::move(got));
    o.tick = p.what.tick;
    o.end_of_tick = p.ended;
    out.send(options_.filter, std::move(o));
  }

  device_options options_;
  std::optional<device_state> state_;
  self_check check_;
  answerer answerer_;
  std::optional<update_receiver> receiver_;   ///< from start() on
  std::optional<stream_clock> clock_;         ///< free-running only
  std::deque<pace_in_progress> paces_;
  std::uint64_t position_ = 0;                ///< next sample
  std::uint64_t reserved_ = 0;                ///< positions below may be used
  std::uint64_t last_tick_ = 0;
  time_point last_report_;
  std::uint64_t reported_refusals_ = 0;
  time_point rate_from_;
  std::uint64_t rate_answered_ = 0;
  double answers_per_second_ = 0;
  duration answering_{};                      ///< since rate_from_
  double answer_ms_ = 0;
  std::uint64_t late_ = 0;
  std::uint64_t dropped_observations_ = 0;
  std::uint64_t refused_by_peers_ = 0;
  std::uint64_t state_faults_ = 0;
  std::set<std::pair<std::uint16_t, std::uint8_t>> logged_refusals_;
};

}  // namespace

result<std::unique_ptr<role_core>> make_device(device_options options) {
  if (options.batch == 0) return error{errc::config, "device: batch must be at least 1"};
  if (!std::isfinite(options.samples_per_second) || options.samples_per_second < 0) {
    return error{errc::config, "device: samples_per_second must be 0 or more"};
  }
  FRESHET_ENSURE(options.stream != nullptr, "a device needs a stream factory");
  FRESHET_TRY_ASSIGN(student_runtime student,
                     student_runtime::load({options.model, options.lora, options.max_new_tokens, options.chat_template}));
  if (auto ok = student.self_test(); !ok) {
    return error{ok.err().code, options.model.string() + ": " + ok.err().context};
  }
  FRESHET_TRY_ASSIGN(std::vector<stream_phase> phases, options.stream());
  FRESHET_TRY_ASSIGN(phase_stream stream, phase_stream::make(std::move(phases), options.samples_per_phase));
  if (!options.trusted_keys.empty()) {
    const std::string file = options.trusted_keys.string();
    const auto text = access::read_private_file(options.trusted_keys);
    if (!text && text.err().code == errc::not_found) {
      return error{errc::not_found, file + ", which says whose artefacts the device takes; `freshet keys join` brings it, "
                                           "or `freshet keys list --artefacts` prints it"};
    }
    if (!text) return text.err();
    FRESHET_TRY_ASSIGN(options.trusted, delta::read_trust_list(*text, file));
  }
  std::optional<device_state> state;
  if (!options.state_dir.empty()) {
    FRESHET_TRY_ASSIGN(state, device_state::open(options.state_dir, student.line(), student.layout().total()));
  }
  self_check_options checking = options.self_check;
  checking.chat_template = options.chat_template;
  FRESHET_TRY_ASSIGN(self_check check, self_check::load(options.model, checking));
  return std::unique_ptr<role_core>(std::make_unique<device_core>(std::move(options), std::move(student),
                                                                  std::move(stream), std::move(state), std::move(check)));
}

}  // namespace freshet::actors
