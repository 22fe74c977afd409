#include "actors/distiller/distiller_core.hpp"

#include <nlohmann/json.hpp>

#include "actors/distiller/distiller_state.hpp"
#include "actors/distiller/probe_tally.hpp"
#include "actors/line_layout.hpp"
#include "kernels/delta/artefact.hpp"

namespace freshet::actors {
namespace {

constexpr auto compressor_patience = std::chrono::seconds(10);
constexpr std::size_t remembered_leases = 4096;
constexpr auto announce_every = std::chrono::seconds(10);

}  // namespace

distiller_core::distiller_core(distiller_options options, distill::learner learner,
                               std::shared_ptr<const model::tokenizer> words)
    : options_(std::move(options)),
      learner_(std::move(learner)),
      words_(std::move(words)),
      layout_(layout_of(learner_.trainable())),
      mirror_(learner_.values()) {}

void distiller_core::start(time_point now, outbox& out) {
  if (!options_.state_file.empty()) {
    auto loaded = load_state(options_.state_file);
    if (!loaded.ok()) {
      out.log(log_level::error, "state is not readable, starting from the base model: " + loaded.err().text());
    } else if (loaded->has_value()) {
      const distiller_state& s = **loaded;
      if (s.line != options_.line) {
        out.log(log_level::warn, options_.state_file.string() + " belongs to another line; starting from the base model");
      } else if (auto written = learner_.write(s.learned); !written.ok()) {
        out.log(log_level::error, "state does not fit: " + written.err().text());
      } else {
        mirror_ = s.mirror;
        committed_ = s.committed;
        samples_ = s.samples;
        window_first_ = s.samples;
        if (auto restored = learner_.restore_optimiser(s.optimiser); !restored.ok()) {
          out.log(log_level::warn, "optimiser starts anew: " + restored.err().text());
        }
        out.log(log_level::info, "continues from version " + std::to_string(committed_.value));
      }
    }
  }
  announced_ = now;
  announce({}, committed_, out);
}

void distiller_core::handle(const topology::address& from, const topology::any_message& m, time_point now,
                            outbox& out) {
  if (const auto* batch = std::get_if<topology::labelled_batch>(&m)) {
    inbox_.push_back(*batch);
    return;
  }
  if (const auto* ready = std::get_if<topology::refresh_ready>(&m)) {
    finish(*ready, now, out);
    return;
  }
  if (const auto* back = std::get_if<topology::mirror_return>(&m)) {
    return_mirror(from, *back, now, out);
    return;
  }
  if (const auto* refused = std::get_if<topology::error_reply>(&m)) {
    out.log(log_level::warn, from.text() + " refused: " + refused->context);
    if (from == options_.compressor && phase_ == phase::compressing) {
      // What was learned stays and goes with the next refresh.
      phase_ = phase::gathering;
      fresh_ = 0;
      end_tick(out);
    }
    return;
  }
  if (std::holds_alternative<topology::stop_request>(m)) return;
  out.send(from, topology::error_reply{static_cast<std::uint8_t>(errc::unsupported),
                                       "distiller does not take " + std::string(topology::name_of(m)), 0});
}

void distiller_core::take(const topology::labelled_batch& batch, time_point now, outbox& out) {
  // A lease that was sent again because its confirmation came late must not be learned twice.
  const bool known = batch.lease != 0 && !leases_.insert(batch.lease).second;
  if (batch.lease != 0 && !known) lease_order_.push_back(batch.lease);
  if (lease_order_.size() > remembered_leases) {
    leases_.erase(lease_order_.front());
    lease_order_.pop_front();
  }
  if (batch.lease != 0) out.send(options_.intake, topology::leases_consumed{{batch.lease}});
  if (known) return;
  if (options_.tell_probes) {
    auto outcomes = tally_probes(batch, *words_, options_.labelling.confidence_floor);
    if (!outcomes.all.empty()) out.send(options_.deployer, std::move(outcomes));
  }
  auto read = read_labels(batch, *learner_.student().config().vision, *words_, options_.labelling);
  if (!read.ok()) {
    ++refused_;
    out.log(log_level::warn, "labelled batch refused: " + read.err().text());
  } else {
    unsure_ += read->unsure;
    confidence_sum_ += read->confidence_sum;
    for (auto& s : read->samples) {
      if (!learner_.add(std::move(s))) {
        ++refused_;
        continue;
      }
      if (fresh_++ == 0) oldest_fresh_ = now;
      ++samples_;
    }
  }
  if (batch.batch.end_of_tick) tick_open_ = batch.batch.tick;
}

bool distiller_core::due(time_point now) const {
  if (fresh_ == 0) return false;
  if (fresh_ >= options_.refresh_samples) return true;
  // In paced mode time is the bench's: only counts decide.
  return !options_.bench && now - oldest_fresh_ >= options_.refresh_interval;
}

bool distiller_core::work(time_point now, outbox& out) {
  switch (phase_) {
    case phase::compressing: return false;
    case phase::gathering: {
      // Backlogs are taken in whole before the next refresh; in paced mode a refresh begins at the
      // same sample whatever has arrived behind it.
      const bool first_refresh = options_.bench && due(now);
      if (tick_open_ == 0 && !inbox_.empty() && !first_refresh) {
        if (out.room(options_.intake) == 0) return false;
        const topology::labelled_batch batch = std::move(inbox_.front());
        inbox_.pop_front();
        take(batch, now, out);
        return true;
      }
      if (due(now)) {
        phase_ = phase::training;
        steps_left_ = options_.steps_per_refresh;
        return true;
      }
      end_tick(out);
      return tick_open_ == 0 && !inbox_.empty();
    }
    case phase::training: {
      const bool first = steps_left_ == options_.steps_per_refresh;
      const double done = 1.0 - static_cast<double>(steps_left_) / static_cast<double>(options_.steps_per_refresh);
      const distill::step_report r = learner_.step(done);
      if (r.skipped) {
        ++skipped_steps_;
      } else {
        loss_ = r.loss;
        agreement_ = r.agreement;
      }
      if (first) {
        first_agreement_ = r.agreement;
        if (options_.agreement_to_sleep > 0 && r.agreement >= options_.agreement_to_sleep) {
          ++slept_;
          fresh_ = 0;
          phase_ = phase::gathering;
          return true;
        }
      }
      if (--steps_left_ == 0) ask_compressor(now, out);
      return phase_ == phase::training;
    }
  }
  return false;
}

void distiller_core::ask_compressor(time_point now, outbox& out) {
  phase_ = phase::compressing;
  asked_.reset();
  if (out.room(options_.compressor) == 0) {
    out.wake_after(std::chrono::milliseconds(20));
    return;
  }
  topology::refresh_request request;
  request.line = options_.line;
  request.base = committed_;
  request.next = next_version();
  request.mirror = mirror_;
  request.target = learner_.values();
  request.importance = learner_.importance();
  request.first_sample = window_first_;
  request.last_sample = samples_;
  request.teacher = options_.teacher;
  request.metric_before = static_cast<float>(first_agreement_);
  request.metric_after = static_cast<float>(agreement_);
  out.send(options_.compressor, std::move(request));
  asked_ = now;
}

void distiller_core::finish(const topology::refresh_ready& ready, time_point now, outbox& out) {
  if (phase_ != phase::compressing || ready.base != committed_ || ready.next != next_version()) return;
  const auto fail = [&](const error& why) {
    ++refused_;
    out.log(log_level::error, "update of the compressor refused: " + why.text());
    phase_ = phase::gathering;
    fresh_ = 0;
    end_tick(out);
  };
  delta::artefact_limits limits;
  auto artefact = delta::decode_artefact({ready.artefact.data(), ready.artefact.bytes()}, limits);
  if (!artefact.ok()) return fail(artefact.err());
  std::vector<float> values(mirror_.as<float>(), mirror_.as<float>() + mirror_.items());
  auto applied = delta::apply_artefact(*artefact, layout_, options_.line, committed_, values);
  if (!applied.ok()) return fail(applied.err());
  const version base = committed_;
  mirror_ = host_tensor::of(std::move(values));
  committed_ = *applied;
  window_first_ = samples_;
  fresh_ = 0;
  phase_ = phase::gathering;
  persist(out);
  announced_ = now;
  announce(ready.artefact, base, out);
  end_tick(out);
}

void distiller_core::announce(const host_tensor& artefact, version base, outbox& out) {
  if (out.room(options_.deployer) == 0) return;  // the periodic announcement follows
  topology::version_committed committed;
  committed.line = options_.line;
  committed.base = base;
  committed.next = committed_;
  committed.result = delta::hash_values(mirror_.as<float>(), mirror_.items());
  committed.artefact = artefact;
  committed.values = mirror_;
  out.send(options_.deployer, std::move(committed));
}

void distiller_core::end_tick(outbox& out) {
  if (tick_open_ == 0) return;
  if (options_.bench) {
    if (out.room(*options_.bench) == 0) {
      out.wake_after(std::chrono::milliseconds(20));
      return;
    }
    out.send(*options_.bench, topology::tick_learned{tick_open_, committed_, samples_});
  }
  tick_open_ = 0;
}

void distiller_core::persist(outbox& out) {
  if (options_.state_file.empty()) return;
  const auto saved = save_state(options_.state_file, {options_.line, committed_, samples_, mirror_, learner_.values(),
                                                      learner_.save_optimiser()});
  if (!saved.ok()) out.log(log_level::error, "state not saved: " + saved.err().text());
}

void distiller_core::tick(time_point now, outbox& out) {
  if (phase_ == phase::compressing && (!asked_ || now - *asked_ > compressor_patience)) ask_compressor(now, out);
  // A deployer that restarted knows nothing until it is told.
  if (now - announced_ > announce_every) {
    announced_ = now;
    announce({}, committed_, out);
  }
}

std::uint32_t distiller_core::capacity(const topology::address& from) const {
  if (from == options_.compressor) return 4;
  return inbox_.size() >= options_.queue ? 0 : static_cast<std::uint32_t>(options_.queue - inbox_.size());
}

std::string distiller_core::stats_json() const {
  nlohmann::json s;
  s["version"] = committed_.value;
  s["steps"] = learner_.steps();
  s["loss"] = loss_;
  s["agreement"] = agreement_;
  s["trained_samples"] = samples_;
  s["unsure_labels"] = unsure_;
  s["refused"] = refused_;
  s["skipped_steps"] = skipped_steps_;
  s["slept"] = slept_;
  s["returns"] = returns_;
  s["queued"] = inbox_.size();
  s["replay"] = learner_.memory().recent_size() + learner_.memory().reservoir_size();
  s["phase"] = phase_ == phase::gathering ? "gathering" : phase_ == phase::training ? "training" : "compressing";
  const auto labelled = samples_ + unsure_;
  s["mean_confidence"] = labelled > 0 ? confidence_sum_ / static_cast<double>(labelled) : 0.0;
  return s.dump();
}

void distiller_core::stop(time_point, outbox& out) { persist(out); }

}  // namespace freshet::actors
