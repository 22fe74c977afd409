#include "actors/intake/intake_core.hpp"

#include "actors/intake/journal_keeper.hpp"
#include "actors/intake/lease_book.hpp"
#include "actors/intake/memory_journal.hpp"
#include "actors/intake/teacher_pool.hpp"
#include "actors/intake/tick_gate.hpp"
#include "actors/refusal.hpp"
#include "kernels/base/json_line.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace {

using topology::address;
using topology::any_message;
using topology::uts_batch;

// Confirmations of leases need no room, and must come through when samples do not.
constexpr std::uint32_t confirmation_credit = 64;
constexpr std::size_t max_senders = 1024;
// Of one sender at a time, however much room there is: what comes ahead of a gap waits in memory.
constexpr std::size_t most_credit = 64;
// A sender that is gone gives its share of the room to the others.
constexpr duration sender_forgotten_after = std::chrono::seconds(60);

struct counters {
  std::uint64_t batches = 0;
  std::uint64_t samples = 0;
  std::uint64_t bytes = 0;
  std::uint64_t duplicate_samples = 0;
  std::uint64_t refused_batches = 0;
  std::uint64_t shed_samples = 0;
  std::uint64_t leases_sent = 0;
  std::uint64_t leases_resent = 0;
  std::uint64_t leases_consumed = 0;
  std::uint64_t leases_unknown = 0;
  std::uint64_t samples_consumed = 0;
  std::uint64_t ticks_closed = 0;
};

class intake_core final : public role_core {
 public:
  intake_core(intake_options options, std::unique_ptr<journal> kept)
      : options_(std::move(options)),
        keeper_(std::move(kept)),
        journal_(keeper_.kept()),
        gate_(options_.expected_devices),
        leases_(options_.first_lease, options_.lease_timeout),
        teachers_(options_.teachers) {
    if (options_.quota) quota_.emplace(*options_.quota);
  }

  void start(time_point now, outbox& out) override {
    for (const journal::held_entry& entry : journal_.pending()) {
      // A tick of a former life may have lost its other batches: what is left is simply learned.
      ready_.push_back(leased_work{entry.number, 0, false});
      held_.emplace(entry.number, held{std::nullopt, entry.samples});
      held_samples_ += entry.samples;
    }
    if (!held_.empty()) {
      out.log(log_level::info, "goes on with " + std::to_string(held_samples_) + " samples that a former life accepted");
    }
    pump(now, out);
  }

  void handle(const address& from, const any_message& m, time_point now, outbox& out) override {
    if (const auto* batch = std::get_if<uts_batch>(&m)) {
      accept(from, m, *batch, now, out);
    } else if (const auto* done = std::get_if<topology::leases_consumed>(&m)) {
      confirm(from, m, *done, now, out);
    } else {
      refuse_unknown("intake", from, m, out);
    }
    pump(now, out);
  }

  void tick(time_point now, outbox& out) override {
    keeper_.tick(now, out);
    if (quota_) quota_->advance(now);
    for (auto it = senders_.begin(); it != senders_.end();) {
      const bool gone = it->second.held == 0 && now - it->second.heard > sender_forgotten_after;
      it = gone ? senders_.erase(it) : std::next(it);
    }
    pump(now, out);
  }

  bool work(time_point now, outbox& out) override {
    pump(now, out);
    return false;
  }

  std::uint32_t capacity(const address& from) const override {
    if (from == options_.distiller) return confirmation_credit;
    if (keeper_.failing()) return 0;
    if (quota_ && !quota_->may_send(from)) return 0;
    const auto it = senders_.find(from);
    const std::size_t known = senders_.size() + (it == senders_.end() ? 1 : 0);
    const std::size_t sharing = std::max({std::size_t{1}, known, options_.expected_devices.size()});
    const std::size_t share = std::max<std::size_t>(1, options_.queue_batches / sharing);
    const std::size_t own = it == senders_.end() ? 0 : it->second.held;
    if (own < share && journal_.bytes() < options_.queue_bytes && held_samples_ < options_.queue_samples) {
      return static_cast<std::uint32_t>(std::min(share - own, most_credit));
    }
    // An open tick holds entries until someone's batch comes: refusing batches then would be for ever.
    return gate_.open() > 0 ? 1 : 0;
  }

  std::string stats_json() const override {
    nlohmann::json all{{"journal", keeper_.state()},
                       {"journal_failures", keeper_.failures()},
                       {"damaged_entries", keeper_.damaged()},
                       {"unerased_entries", keeper_.unerased()},
                       {"batches", count_.batches},
                       {"samples", count_.samples},
                       {"bytes", count_.bytes},
                       {"duplicate_samples", count_.duplicate_samples},
                       {"refused_batches", count_.refused_batches},
                       {"shed_samples", count_.shed_samples},
                       {"leases_sent", count_.leases_sent},
                       {"leases_resent", count_.leases_resent},
                       {"leases_consumed", count_.leases_consumed},
                       {"leases_unknown", count_.leases_unknown},
                       {"leases_out", leases_.size()},
                       {"samples_consumed", count_.samples_consumed},
                       {"held_samples", held_samples_},
                       {"held_bytes", journal_.bytes()},
                       {"waiting", ready_.size()},
                       {"senders", senders_.size()},
                       {"tick", gate_.closed()},
                       {"ticks_open", gate_.open()},
                       {"ticks_closed", count_.ticks_closed}};
    if (quota_) {
      all["over_quota_batches"] = quota_->refused();
      all["over_quota_devices"] = quota_->waiting();
    }
    return json_line(all);
  }

  void stop(time_point, outbox&) override {}

 private:
  struct sender {
    std::size_t held = 0;  ///< entries of it in the journal
    time_point heard;
  };
  struct held {
    std::optional<address> by;  ///< whose share it takes; nobody's when a former life accepted it
    std::size_t samples = 0;
  };

  void refuse_batch(const address& from, const any_message& m, const error& why, outbox& out) {
    ++count_.refused_batches;
    if (logged_refusals_.insert(why.code).second) {
      out.log(log_level::warn,
              "refused a batch of " + from.text() + " (others of this kind are only counted): " + why.text());
    }
    refuse(from, m, why, out);
  }

  // It would fail again: the sender is told so.
  void refuse_for_good(const address& from, const any_message& m, const uts_batch& batch, const error& why,
                       outbox& out) {
    refuse_batch(from, m, why, out);
    topology::samples_settled settled{batch.device};
    const std::size_t named = std::min(batch.samples.size(), options_.limits.samples);
    for (std::size_t i = 0; i < named; ++i) settled.refused.push_back(batch.samples[i].position);
    if (named > 0) out.send(from, std::move(settled));
  }

  void accept(const address& from, const any_message& m, const uts_batch& batch, time_point now, outbox& out) {
    if (quota_) {
      // Before anything is decoded: what a batch costs is what it claims.
      auto ok = quota_->admit(from, batch, options_.limits.payload_bytes, now);
      if (!ok) return refuse_batch(from, m, ok.err(), out);
    }
    const bool paced = batch.tick > 0;
    if (paced) {
      if (auto ok = gate_.admits(batch.device, batch.tick); !ok) {
        if (ok.err().code == errc::overloaded) return refuse_batch(from, m, ok.err(), out);
        return refuse_for_good(from, m, batch, ok.err(), out);
      }
    }
    if (auto ok = check_batch(batch, options_.limits); !ok) {
      refuse_for_good(from, m, batch, ok.err(), out);
      if (paced) end_tick(batch);
      return;
    }
    auto it = senders_.find(from);
    if (it == senders_.end()) {
      if (senders_.size() >= max_senders) {
        return refuse_batch(from, m, error{errc::overloaded, std::to_string(max_senders) + " senders share the room"},
                            out);
      }
      it = senders_.emplace(from, sender{}).first;
    }
    it->second.heard = now;
    topology::samples_settled settled{batch.device};
    const auto kept = keep(from, it->second, batch, settled.accepted, now, out);
    if (!settled.accepted.empty()) out.send(from, std::move(settled));
    if (!kept) {
      refuse_batch(from, m, kept.err(), out);
      // It comes again, with the end of its tick.
      if (kept.err().code == errc::unavailable) return;
    }
    if (paced) end_tick(batch);
  }

  // Even when its samples are shed, or refused for good, a device has ended its tick: nothing may wait for it.
  void end_tick(const uts_batch& batch) {
    if (!batch.end_of_tick) return;
    gate_.end(batch.device, batch.tick);
    close_ticks();
  }

  // Journals what is new in the batch and queues it for a lease. `accepted` gets all positions of the
  // batch that are in the journal then; what is shed for want of room stays the sender's.
  result<void> keep(const address& from, sender& by, const uts_batch& batch, std::vector<sequence>& accepted,
                    time_point now, outbox& out) {
    std::vector<bool> fresh(batch.samples.size());
    std::unordered_set<std::uint64_t> here;
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      const sequence position = batch.samples[i].position;
      const bool known = journal_.knows(batch.device, position);
      fresh[i] = here.insert(position.value).second && !known;
      if (known) accepted.push_back(position);
    }
    auto fresh_count = static_cast<std::size_t>(std::count(fresh.begin(), fresh.end(), true));
    count_.duplicate_samples += fresh.size() - fresh_count;
    fresh_count -= shed_beyond_room(batch, fresh, fresh_count);
    if (fresh_count == 0) return {};
    uts_batch kept = batch;
    if (fresh_count < fresh.size()) {
      FRESHET_TRY_ASSIGN(kept, keep_samples(batch, fresh));
    }
    // What a cut batch is kept as may be larger than what came.
    const std::uint64_t bytes = content_bytes(kept);
    if (journal_.bytes() + bytes > options_.queue_bytes) {
      count_.shed_samples += fresh_count;
      return {errc::overloaded, "batch of " + std::to_string(bytes) + " bytes on top of " +
                                    std::to_string(journal_.bytes()) + "; the limit is " +
                                    std::to_string(options_.queue_bytes)};
    }
    if (quota_ && !quota_->has_room(batch.device, fresh_count, bytes)) {
      count_.shed_samples += fresh_count;
      return {errc::overloaded, "device " + std::to_string(batch.device.value) + " fills its share of what is kept"};
    }
    const sequence first = kept.samples.front().position;
    FRESHET_TRY_ASSIGN(const std::uint64_t entry, keeper_.append(std::move(kept), now, out));
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      if (fresh[i]) accepted.push_back(batch.samples[i].position);
    }
    ++by.held;
    held_.emplace(entry, held{from, fresh_count});
    if (quota_) quota_->hold(entry, batch.device, fresh_count, bytes);
    ++count_.batches;
    count_.samples += fresh_count;
    count_.bytes += bytes;
    held_samples_ += fresh_count;
    if (batch.tick > 0) {
      gate_.hold(batch.device, batch.tick, first, entry);
    } else {
      ready_.push_back(leased_work{entry, 0, false});
    }
    return {};
  }

  // Unsets the least uncertain of the fresh samples until the rest has room; returns how many.
  std::size_t shed_beyond_room(const uts_batch& batch, std::vector<bool>& fresh, std::size_t fresh_count) {
    const std::size_t room = options_.queue_samples - std::min(options_.queue_samples, held_samples_);
    if (fresh_count <= room) return 0;
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      if (fresh[i]) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return batch.samples[a].uncertainty < batch.samples[b].uncertainty;
    });
    const std::size_t shed = fresh_count - room;
    for (std::size_t i = 0; i < shed; ++i) fresh[order[i]] = false;
    count_.shed_samples += shed;
    return shed;
  }

  void close_ticks() {
    while (auto closed = gate_.take_closed()) {
      ++count_.ticks_closed;
      for (const std::uint64_t entry : closed->entries) ready_.push_back(leased_work{entry, closed->tick, false});
      // A tick in which no device kept anything still has to come through to be ended.
      if (closed->entries.empty()) ready_.push_back(leased_work{std::nullopt, closed->tick, false});
      ready_.back().end_of_tick = true;
    }
  }

  void confirm(const address& from, const any_message& m, const topology::leases_consumed& done, time_point now,
               outbox& out) {
    if (from != options_.distiller) {
      refuse(from, m,
             error{errc::invalid_argument,
                   "leases are confirmed by " + options_.distiller.text() + ", not by " + from.text()},
             out);
      return;
    }
    std::vector<std::uint64_t> learned;
    for (const std::uint64_t lease : done.leases) {
      teachers_.take_back(lease);
      const auto work = leases_.confirm(lease, now);
      if (!work) {
        ++count_.leases_unknown;  // confirmed before: it had been sent twice
        continue;
      }
      ++count_.leases_consumed;
      if (work->entry) learned.push_back(*work->entry);
    }
    // Of leases of a former life only the entries tell.
    if (done.journal == journal_.id()) {
      for (const std::uint64_t entry : done.entries) {
        if (held_.count(entry) == 0) continue;
        if (const auto lease = leases_.lease_of(entry)) drop_lease(*lease);
        learned.push_back(entry);
      }
    }
    for (const std::uint64_t entry : learned) {
      if (const std::size_t samples = let_go(entry)) count_.samples_consumed += samples;
    }
    keeper_.erase(learned, now, out);
  }

  // Takes an entry off the books; returns its samples.
  std::size_t let_go(std::uint64_t entry) {
    const auto it = held_.find(entry);
    if (it == held_.end()) return 0;
    const std::size_t samples = it->second.samples;
    held_samples_ -= samples;
    if (it->second.by) --senders_[*it->second.by].held;
    held_.erase(it);
    if (quota_) quota_->release(entry);
    return samples;
  }

  // False when its entry cannot be read.
  bool send_lease(std::uint64_t lease, time_point now, outbox& out) {
    const auto teacher = teachers_.give(lease, [&](const address& to) { return out.room(to); });
    FRESHET_ENSURE(teacher.has_value(), "pump() asked whether there is room");
    const leased_work& work = leases_.at(lease);
    topology::label_request request;
    request.lease = lease;
    request.entry = {journal_.id(), work.entry.value_or(0), journal_.done_below()};
    if (work.entry) {
      auto batch = keeper_.read(*work.entry, now, out);
      if (!batch.ok()) return false;
      request.batch = std::move(*batch);
    } else if (!options_.expected_devices.empty()) {
      request.batch.device = options_.expected_devices.front();
    }
    request.batch.tick = work.tick;
    request.batch.end_of_tick = work.end_of_tick;
    out.send(*teacher, std::move(request));
    return true;
  }

  std::optional<leased_work> drop_lease(std::uint64_t lease) {
    teachers_.take_back(lease);
    return leases_.drop(lease);
  }

  void give_up(std::uint64_t lease) {
    const auto work = drop_lease(lease);
    if (work && work->entry) let_go(*work->entry);
  }

  void pump(time_point now, outbox& out) {
    const auto room = [&] { return teachers_.has_room([&](const address& to) { return out.room(to); }); };
    while (room()) {
      const auto lease = leases_.overdue(now);
      if (!lease) break;
      leases_.renew(*lease, now);
      if (send_lease(*lease, now, out)) {
        ++count_.leases_resent;
      } else if (!keeper_.failing()) {
        give_up(*lease);
      }
    }
    while (room() && !ready_.empty() && leases_.size() < options_.max_leases * teachers_.size()) {
      const leased_work next = ready_.front();
      ready_.pop_front();
      if (next.entry && held_.count(*next.entry) == 0) continue;  // learned in a former life
      const std::uint64_t lease = leases_.open(next, now);
      if (send_lease(lease, now, out)) {
        ++count_.leases_sent;
      } else if (!keeper_.failing()) {
        give_up(lease);
      } else {
        break;  // its time-out tries again
      }
    }
    if (const auto next = leases_.next_deadline(); next && *next > now) out.wake_after(*next - now);
  }

  intake_options options_;
  journal_keeper keeper_;
  const journal& journal_;  ///< what is kept
  tick_gate gate_;
  lease_book leases_;
  teacher_pool teachers_;
  std::deque<leased_work> ready_;  ///< to be leased, in order
  std::map<address, sender> senders_;
  std::map<std::uint64_t, held> held_;  ///< entries accepted and not learned
  std::optional<device_quota> quota_;
  std::set<errc> logged_refusals_;
  std::size_t held_samples_ = 0;
  counters count_;
};

}  // namespace

result<std::unique_ptr<role_core>> make_intake(intake_options options, std::unique_ptr<journal> kept) {
  if (options.queue_batches == 0 || options.queue_bytes == 0 || options.queue_samples == 0 || options.max_leases == 0) {
    return error{errc::config, "intake: queue_batches, queue_bytes, queue_samples and max_leases must be at least 1"};
  }
  if (options.lease_timeout <= duration::zero()) return error{errc::config, "intake: lease_timeout must be positive"};
  if (options.teachers.empty()) return error{errc::config, "intake: a teacher is needed"};
  FRESHET_ENSURE(kept != nullptr, "intake needs a journal");
  return std::unique_ptr<role_core>(std::make_unique<intake_core>(std::move(options), std::move(kept)));
}

result<std::unique_ptr<role_core>> make_intake(intake_options options) {
  return make_intake(std::move(options), std::make_unique<memory_journal>());
}

}  // namespace freshet::actors
