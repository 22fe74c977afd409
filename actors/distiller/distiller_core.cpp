#include "actors/distiller/distiller_core.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

#include "actors/distiller/probe_tally.hpp"
#include "actors/line_layout.hpp"
#include "kernels/base/json_line.hpp"
#include "kernels/delta/artefact.hpp"

namespace freshet::actors {
namespace {

constexpr auto compressor_patience = std::chrono::seconds(10);
constexpr std::size_t remembered_leases = 4096;
constexpr auto announce_every = std::chrono::seconds(10);
constexpr auto commit_retry = std::chrono::seconds(1);
constexpr std::size_t entries_a_message = 4096;

}  // namespace

distiller_core::distiller_core(distiller_options options, distill::learner learner,
                               std::shared_ptr<const model::tokenizer> words, std::unique_ptr<distiller_store> store)
    : options_(std::move(options)),
      learner_(std::move(learner)),
      words_(std::move(words)),
      layout_(layout_of(learner_.trainable())),
      store_(std::move(store)),
      mirror_(learner_.values()) {}

void distiller_core::start(time_point now, outbox& out) {
  if (store_) restore(out);
  if (fresh_ > 0) oldest_fresh_ = now;
  announced_ = now;
  announce({}, committed_, out);
  tell_learned(out);
}

void distiller_core::restore(outbox& out) {
  distiller_store::restored kept = store_->take_restored();
  for (const error& fault : kept.faults) out.log(log_level::error, "state: " + fault.text());
  learned_ = std::move(kept.learned);
  samples_ = kept.counts.samples;
  window_first_ = kept.counts.window_first;
  if (!kept.student) {
    if (kept.other_lines > 0) {
      out.log(log_level::warn, "there is state of " + std::to_string(kept.other_lines) +
                                   " other lines; model or adapter have changed, starting from the base model");
    } else if (!kept.faults.empty()) {
      out.log(log_level::warn, "starts from the base model");
    }
  } else if (auto written = learner_.write(kept.student->learned); !written.ok()) {
    out.log(log_level::error, "state does not fit, starts from the base model: " + written.err().text());
  } else {
    mirror_ = kept.student->mirror;
    committed_ = kept.student->committed;
    if (auto restored = learner_.restore_optimiser(kept.student->optimiser); !restored.ok()) {
      out.log(log_level::warn, "optimiser starts anew: " + restored.err().text());
    }
    out.log(log_level::info, "continues from version " + std::to_string(committed_.value));
  }
  restore_memory(kept, out);
}

void distiller_core::restore_memory(distiller_store::restored& kept, outbox& out) {
  if (kept.recent.empty()) return;
  const auto fits = learner_.restore_memory(std::move(kept.recent), std::move(kept.reservoir), kept.counts.replay);
  if (!fits.ok()) {
    out.log(log_level::error, "samples of the replay do not fit, it starts empty: " + fits.err().text());
  } else {
    fresh_ = std::min<std::size_t>(static_cast<std::size_t>(kept.counts.fresh), learner_.memory().recent_size());
  }
  if (fits.ok() && *fits && !kept.slots_moved) return;
  const distill::replay& memory = learner_.memory();
  const auto done = store_->rewrite_samples(memory.recent(), memory.reservoir(), figures());
  if (!done.ok()) throw std::runtime_error("the replay cannot be written: " + done.err().text());
}

void distiller_core::tell_learned(outbox& out) {
  // Intake may have missed it: then it need not have all this labelled again.
  for (const auto& [journal, known] : learned_.all()) {
    topology::leases_consumed done;
    done.journal = journal;
    for (auto it = known.entries.begin(); it != known.entries.end();) {
      done.entries.push_back(*it++);
      if (done.entries.size() < entries_a_message && it != known.entries.end()) continue;
      if (out.room(options_.intake) == 0) return;
      out.send(options_.intake, std::exchange(done, topology::leases_consumed{{}, journal}));
    }
  }
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
  const distiller_store::learned_work work{batch.entry.journal, batch.entry.number, batch.entry.done_below};
  // Work that was given out again because its confirmation came late must not be learned twice.
  bool known = false;
  if (work.entry != 0) {
    known = learned_.knows(work.journal, work.entry);
  } else if (batch.lease != 0) {
    known = !leases_.insert(batch.lease).second;
    if (!known) lease_order_.push_back(batch.lease);
    if (lease_order_.size() > remembered_leases) {
      leases_.erase(lease_order_.front());
      lease_order_.pop_front();
    }
  }
  if (work.journal != 0) learned_.advance(work.journal, work.done_below);
  if (known) return confirm(batch.lease, work, out);
  uncommitted taken;
  taken.lease = batch.lease;
  taken.work = work;
  auto read = read_labels(batch, learner_.student().config().vision, *words_, options_.labelling);
  if (!read.ok()) {
    ++refused_;
    out.log(log_level::warn, "labelled batch refused: " + read.err().text());
  } else {
    // Of what the student could have answered: a batch that does not fit has no say in a roll-out.
    if (options_.tell_probes) {
      auto outcomes = tally_probes(batch, *words_, options_.labelling.confidence_floor);
      if (!outcomes.all.empty()) out.send(options_.deployer, std::move(outcomes));
    }
    unsure_ += read->unsure;
    confidence_sum_ += read->confidence_sum;
    for (auto& s : read->samples) {
      auto change = learner_.add(std::move(s));
      if (!change) {
        ++refused_;
        continue;
      }
      taken.changes.push_back(std::move(*change));
      if (fresh_++ == 0) oldest_fresh_ = now;
      ++samples_;
    }
  }
  if (work.entry != 0) learned_.add(work.journal, work.entry);
  if (batch.batch.end_of_tick) tick_open_ = batch.batch.tick;
  taken_ = std::move(taken);
  commit_taken(now, out);
}

bool distiller_core::commit_taken(time_point now, outbox& out) {
  if (!taken_) return true;
  if (out.room(options_.intake) == 0) return false;
  // What changes nothing on the disk needs no commit.
  if (store_ && (taken_->work.entry != 0 || !taken_->changes.empty())) {
    if (commit_failed(store_->commit_samples(taken_->changes, taken_->work, figures()), now, out)) return false;
  }
  confirm(taken_->lease, taken_->work, out);
  taken_.reset();
  return true;
}

void distiller_core::confirm(std::uint64_t lease, const distiller_store::learned_work& work, outbox& out) {
  if (lease == 0 && work.entry == 0) return;
  topology::leases_consumed done;
  if (lease != 0) done.leases.push_back(lease);
  done.journal = work.journal;
  if (work.entry != 0) done.entries.push_back(work.entry);
  out.send(options_.intake, std::move(done));
}

bool distiller_core::commit_failed(const result<void>& done, time_point now, outbox& out) {
  if (done.ok()) {
    if (fault_) out.log(log_level::info, "state is saved again");
    fault_.reset();
    return false;
  }
  ++failed_commits_;
  if (!fault_) out.log(log_level::error, "state not saved, nothing goes on until it is: " + done.err().text());
  fault_ = done.err();
  retry_at_ = now + commit_retry;
  out.wake_after(commit_retry);
  return true;
}

bool distiller_core::due(time_point now) const {
  if (fresh_ == 0) return false;
  if (fresh_ >= options_.refresh_samples) return true;
  // In paced mode time is the bench's: only counts decide.
  return !options_.bench && now - oldest_fresh_ >= options_.refresh_interval;
}

bool distiller_core::work(time_point now, outbox& out) {
  if (fault_ && now < retry_at_) return false;
  switch (phase_) {
    case phase::compressing: return false;
    case phase::committing: {
      commit_version(now, out);
      return phase_ == phase::gathering;
    }
    case phase::gathering: {
      if (!commit_taken(now, out) || options_.paused) return false;
      // Backlogs are taken in whole before the next refresh; in paced mode a refresh begins at the
      // same sample whatever has arrived behind it.
      const bool first_refresh = options_.bench && due(now);
      if (tick_open_ == 0 && !inbox_.empty() && !first_refresh) {
        if (out.room(options_.intake) == 0) return false;
        const topology::labelled_batch batch = std::move(inbox_.front());
        inbox_.pop_front();
        take(batch, now, out);
        return !taken_;
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
      // In a slice of its own: a step of a large model takes longer than the compressor is waited for, and what was
      // asked at the time that it began would be asked again at once.
      if (steps_left_ == 0) {
        ask_compressor(now, out);
        return false;
      }
      const bool first = steps_left_ == options_.steps_per_refresh;
      const double done = 1.0 - static_cast<double>(steps_left_) / static_cast<double>(options_.steps_per_refresh);
      // A micro-batch a call. What comes in between and moves the student has the learner drop the step by itself.
      const std::optional<distill::step_report> r = learner_.advance(done);
      out.spent_on("step", r ? 1 : 0);
      if (!r) return true;
      if (r->skipped) {
        ++skipped_steps_;
      } else {
        loss_ = r->loss;
        agreement_ = r->agreement;
      }
      if (first) {
        first_agreement_ = r->agreement;
        if (options_.agreement_to_sleep > 0 && r->agreement >= options_.agreement_to_sleep) {
          ++slept_;
          fresh_ = 0;
          phase_ = phase::gathering;
          return true;
        }
      }
      --steps_left_;
      return true;
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
  made_ = made_version{ready.artefact, committed_};
  mirror_ = host_tensor::of(std::move(values));
  committed_ = *applied;
  out.spent_on("mirror", 1);
  window_first_ = samples_;
  fresh_ = 0;
  phase_ = phase::committing;
  commit_version(now, out);
}

void distiller_core::commit_version(time_point now, outbox& out) {
  if (store_ && commit_failed(store_->commit_student(state(), figures()), now, out)) return;
  phase_ = phase::gathering;
  announced_ = now;
  announce(made_->artefact, made_->base, out);
  made_.reset();
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

distiller_store::figures distiller_core::figures() const {
  return {learner_.memory().where(), samples_, fresh_, window_first_};
}

distiller_state distiller_core::state() const {
  return {options_.line, committed_, samples_, mirror_, learner_.values(), learner_.save_optimiser()};
}

void distiller_core::tick(time_point now, outbox& out) {
  if (phase_ == phase::compressing && (!asked_ || now - *asked_ > compressor_patience)) ask_compressor(now, out);
  // A deployer that restarted knows nothing until it is told; of a version that is not committed nobody is.
  if (now - announced_ > announce_every && phase_ != phase::committing) {
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
  static constexpr const char* phases[] = {"gathering", "training", "compressing", "committing"};
  s["phase"] = options_.paused && phase_ == phase::gathering ? "paused" : phases[static_cast<std::size_t>(phase_)];
  s["state"] = !store_ ? "memory" : fault_ ? "failing: " + fault_->text() : "ok";
  s["failed_commits"] = failed_commits_;
  s["fresh"] = fresh_;
  s["remembered_entries"] = learned_.size();
  const auto labelled = samples_ + unsure_;
  s["mean_confidence"] = labelled > 0 ? confidence_sum_ / static_cast<double>(labelled) : 0.0;
  return json_line(s);
}

void distiller_core::stop(time_point now, outbox& out) {
  if (!store_) return;
  // What is not committed by now comes again: its work was not confirmed.
  if (phase_ == phase::committing) {
    commit_version(now, out);
  } else if (commit_taken(now, out)) {
    // Samples that are trained but not sent stay fresh, so the refresh that they wait for is made anew.
    commit_failed(store_->commit_student(state(), figures()), now, out);
  }
}

}  // namespace freshet::actors
