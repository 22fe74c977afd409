#include "actors/deployer/deployer_core.hpp"

#include "actors/deployer/deployer_figures.hpp"
#include "actors/deployer/rollout_state.hpp"
#include "actors/deployer/rollout_view.hpp"
#include "actors/operator_question.hpp"
#include "actors/refusal.hpp"
#include "actors/workspace.hpp"
#include "kernels/base/json_line.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace {

using topology::address;
using topology::any_message;

constexpr duration key_period = std::chrono::seconds(1);
constexpr std::uint32_t commit_credit = 8;  // a commit is done with as soon as it is handled
// A second slot that is ordered so often and not taken is not there: the device pulls like any other.
constexpr unsigned most_slot_orders = 3;
constexpr duration mirror_again = std::chrono::seconds(5);
constexpr std::size_t most_domain_bytes = 64;
constexpr std::size_t most_who_bytes = 200;

struct device_entry {
  address at;
  version_store::place active;
  content_hash line;
  time_point heard;
  std::uint64_t trusted = 0;  ///< serial of its list of keys
  std::string failure;    ///< as last reported
  unsigned failures = 0;  ///< since it last activated something
  time_point retry_at;
  bool foreign_logged = false;
  std::optional<version_store::place> previous;  ///< in its second slot
  unsigned slot_orders = 0;                      ///< in a row
};

class deployer_core final : public role_core {
 public:
  deployer_core(deployer_options options, std::optional<rollout_state> state)
      : options_(std::move(options)),
        store_({options_.parts, options_.line, options_.base, options_.history_versions, options_.state_dir}),
        rollout_(options_.rollout),
        state_(std::move(state)),
        slots_(options_.transfers) {}

  void start(time_point now, outbox& out) override {
    look_at_keys(now, out);
    if (state_) restore(now, out);
  }

  void handle(const address& from, const any_message& m, time_point now, outbox& out) override {
    if (const auto* committed = std::get_if<topology::version_committed>(&m)) {
      commit(from, m, *committed, now, out);
    } else if (const auto* report = std::get_if<topology::device_report>(&m)) {
      hear(from, *report, now, out);
    } else if (const auto* request = std::get_if<topology::chunk_request>(&m)) {
      serve(from, m, *request, now, out);
    } else if (const auto* outcomes = std::get_if<topology::probe_outcomes>(&m)) {
      weigh(from, m, *outcomes, out);
    } else if (const auto* asked = std::get_if<topology::operator_request>(&m)) {
      out.send(from, answer_to(*asked, answer(*asked, now)));
    } else if (const auto* no = std::get_if<topology::error_reply>(&m)) {
      out.log(log_level::warn, from.text() + " refused: " + no->context);
    } else {
      return refuse_unknown("deployer", from, m, out);
    }
    move_on(now, out);
  }

  void tick(time_point now, outbox& out) override {
    if (now >= keys_at_) look_at_keys(now, out);
    move_on(now, out);
    slots_.expire(now);
    let_in(now, out);
  }

  bool work(time_point now, outbox& out) override {
    if (wants_snapshot_.empty()) return false;
    const auto [what, waiting] = *wants_snapshot_.begin();
    wants_snapshot_.erase(wants_snapshot_.begin());
    const version_place& made_of = what;
    const bool wanted = std::any_of(waiting.begin(), waiting.end(), [&](device_id d) {
      return devices_.count(d) != 0 && rollout_.desired(d) == made_of;
    });
    // It may have been forgotten since; version 0 needs none.
    if (wanted && what.number != version{0} && store_.values_of(what) != nullptr && !store_.snapshot_of(what)) {
      if (auto made = store_.make_snapshot(what); !made) {
        out.log(log_level::error,
                "no snapshot of version " + std::to_string(what.number.value) + ": " + made.err().text());
        // The chain is what is left; the next report asks again.
        return !wants_snapshot_.empty();
      }
      ++count_.snapshots_made;
    }
    for (const device_id device : waiting) {
      const auto it = devices_.find(device);
      if (it != devices_.end()) reconcile(it->first, it->second, now, out);
    }
    return !wants_snapshot_.empty();
  }

  std::uint32_t capacity(const address&) const override { return commit_credit; }

  std::string stats_json() const override {
    fleet_figures fleet;
    fleet.devices = devices_.size();
    const bool knows = rollout_.knows_good();
    for (const auto& [id, d] : devices_) {
      if (keys_ && d.trusted < keys_->trusted().serial) ++fleet.behind_in_trust;
      if (d.line != options_.line) {
        ++fleet.foreign;
      } else if (knows && d.active == rollout_.desired(id)) {
        ++fleet.converged;
      } else if (knows && d.active.number < rollout_.desired(id).number) {
        fleet.largest_lag = std::max(fleet.largest_lag, rollout_.desired(id).number.value - d.active.number.value);
      }
    }
    nlohmann::json all = figures_of(count_, fleet, rollout_, store_);
    all["transfers"] = slots_.active();
    all["waiting"] = slots_.waiting();
    all["last_failure"] = last_failure_;
    all["signature_bytes"] = keys_ ? delta::signature_bytes : 0;
    all["trusted_serial"] = keys_ ? keys_->trusted().serial : 0;
    return json_line(all);
  }

  void stop(time_point, outbox&) override {}

 private:
  // --- roll-out ---------------------------------------------------------------------------------

  void state_fault(const error& why, outbox& out) {
    if (count_.state_faults++ == 0) out.log(log_level::error, "state (further faults are only counted): " + why.text());
  }

  void restore(time_point now, outbox& out) {
    auto loaded = state_->load();
    if (!loaded) {
      state_fault(loaded.err(), out);
      out.log(log_level::error, "what was good, bad and pinned before is not known any more");
      return;
    }
    if (!*loaded) return;
    rollout_memory memory = std::move(**loaded);
    // What cannot be delivered any more is not wanted any more.
    const auto held = [&](const version_place& v) {
      if (store_.values_of(v) != nullptr) return true;
      const auto values = state_->values_of(v);
      const auto taken = values.ok() ? store_.hold(v, *values) : result<void>(values.err());
      if (!taken) state_fault(taken.err(), out);
      return taken.ok();
    };
    auto& good = memory.good;
    good.erase(std::remove_if(good.begin(), good.end(), [&](const auto& v) { return !held(v); }), good.end());
    if (memory.trial && !held(*memory.trial)) memory.trial.reset();
    for (auto it = memory.pins.begin(); it != memory.pins.end();)
      it = held(it->second) ? std::next(it) : memory.pins.erase(it);
    rollout_ = rollout_machine(options_.rollout, std::move(memory), now);
    restore_chain(out);
    if (rollout_.knows_good())
      out.log(log_level::info, "goes on with version " + std::to_string(rollout_.good().number.value) +
                                   " as the good one, " + name(rollout_.step()));
  }

  // So that devices go on along the chain, which costs a fraction of a snapshot.
  void restore_chain(outbox& out) {
    for (const error& fault :
         state_->load_chain([this](const host_tensor& artefact) { return store_.hold_step(artefact); }))
      state_fault(fault, out);
    if (!store_.last_step()) return;
    const version_place end{store_.last_step()->next, store_.last_step()->result};
    // It may be newer than all that devices are to have; what comes next is built on it.
    if (store_.values_of(end) == nullptr) {
      const auto values = state_->values_of(end);
      if (!values || !store_.hold(end, *values)) return;
    }
    store_.go_on_from(end);
  }

  void keep(outbox& out) {
    if (!state_) return;
    auto needed = rollout_.needed();
    if (store_.newest()) needed.insert(*store_.newest());
    std::vector<version_place> large;
    for (const version_place& v : needed) {
      const host_tensor* values = store_.values_of(v);
      if (values != nullptr && values->bytes() > memory_up_to_bytes && v.number != version{0} && !state_->has_saved(v))
        large.push_back(v);
    }
    const auto ok = state_->save(
        rollout_.memory(), needed, [this](const version_place& v) { return store_.values_of(v); }, store_.chain());
    // They are on the disk now, and need no memory.
    for (const version_place& v : large) {
      if (!ok) break;
      auto there = state_->values_of(v);
      if (there) store_.put_down(v, std::move(*there));
    }
    if (!ok) state_fault(ok.err(), out);
  }

  // After whatever happened: moves the roll-out on, keeps it, and tells everyone concerned.
  void move_on(time_point now, outbox& out) {
    bool moved = std::exchange(changed_, false);
    for (int i = 0; i < most_moves && rollout_.advance(now); ++i) moved = true;
    if (moved) {
      keep(out);
      store_.retain(rollout_.needed());
    }
    for (const std::string& what : rollout_.news()) out.log(log_level::info, "roll-out: " + what);
    if (moved) {
      for (auto& [id, d] : devices_) {
        // A dead one would only hold a slot; when it is back it reports.
        if (now - d.heard < options_.transfers.idle) reconcile(id, d, now, out);
      }
    }
    send_mirror_back(now, out);
  }

  void send_mirror_back(time_point now, outbox& out) {
    if (!rollout_.mirror_must_return()) {
      mirror_asked_.reset();
      return;
    }
    if ((mirror_asked_ && now - *mirror_asked_ < mirror_again) || out.room(options_.distiller) == 0) return;
    const host_tensor* values = store_.values_of(rollout_.good());
    if (values == nullptr) return;
    topology::mirror_return back;
    back.line = options_.line;
    back.to = rollout_.good().number;
    back.hash = rollout_.good().hash;
    back.next = rollout_.least_next();
    back.values = *values;
    back.why = rollout_.last() ? rollout_.last()->why : "it was built on a bad version";
    out.send(options_.distiller, std::move(back));
    mirror_asked_ = now;
    ++count_.mirror_returns;
  }

  void weigh(const address& from, const any_message& m, const topology::probe_outcomes& outcomes, outbox& out) {
    if (from != options_.distiller) {
      return refuse(from, m, error{errc::invalid_argument, "outcomes come from " + options_.distiller.text()}, out);
    }
    for (const auto& o : outcomes.all) {
      count_.probes += o.asked;
      rollout_.probed(o.device, o.student, o.domain.substr(0, most_domain_bytes), o.asked, o.agreed);
    }
  }

  result<nlohmann::json> answer(const topology::operator_request& request, time_point now) {
    FRESHET_TRY_ASSIGN(const operator_question asked, operator_question::of(request));
    const auto wanted = asked.number("version");
    const auto to = wanted ? std::optional<version>(version(*wanted)) : std::nullopt;
    if (request.verb == "rollback") {
      std::string who = asked.text("who");
      if (who.empty()) who = "an operator";
      FRESHET_TRY(rollout_.roll_back(to, who.substr(0, most_who_bytes), now));
      changed_ = true;
    } else if (request.verb == "pin") {
      const auto device = asked.number("device");
      if (!device || *device > ~std::uint32_t{0})
        return error{errc::invalid_argument, "\"device\" must be the number of a device"};
      std::vector<version_place> known;
      if (rollout_.knows_good()) {
        const auto needed = rollout_.needed();
        known.assign(needed.begin(), needed.end());
        if (store_.newest() && needed.count(*store_.newest()) == 0) known.push_back(*store_.newest());
      }
      FRESHET_TRY(rollout_.pin(device_id(static_cast<std::uint32_t>(*device)), to, known));
      changed_ = true;
    } else if (request.verb != "versions") {
      return error{errc::unsupported,
                   "\"" + request.verb + "\"; the deployer knows versions, pin and rollback"};
    }
    std::map<device_id, viewed_device> seen;
    for (const auto& [id, d] : devices_)
      seen[id] = {d.active, now - d.heard < options_.rollout.silent_after, d.line != options_.line, d.failure};
    return view_of(rollout_, seen, now);
  }

  // --- versions and devices -----------------------------------------------------------------------

  void commit(const address& from, const any_message& m, const topology::version_committed& committed, time_point now,
              outbox& out) {
    if (from != options_.distiller) {
      refuse(from, m,
             error{errc::invalid_argument,
                   "versions come from " + options_.distiller.text() + ", not from " + from.text()},
             out);
      return;
    }
    const version_store::place next{committed.next, committed.result};
    if (committed.line == options_.line) {
      if (const auto objection = rollout_.objection(next, committed.base)) {
        ++count_.commits_refused;
        rollout_.objected(next, committed.base);
        changed_ = true;
        out.log(log_level::warn, "not taken: " + *objection);
        return;
      }
    }
    const auto news = store_.commit(committed);
    if (!news) {
      ++count_.commits_refused;
      out.log(log_level::error, "refused " + news.err().text());
      return refuse(from, m, news.err(), out);
    }
    rollout_.committed(next, committed.base, now);
    if (*news == version_store::news::nothing) return;
    ++count_.commits;
    changed_ = true;  // the first one of all moves nothing, and is kept all the same
    if (*news == version_store::news::jump) {
      ++count_.chain_breaks;
      out.log(log_level::info,
              "version " + std::to_string(committed.next.value) + " begins a new chain: " + store_.jump_reason());
    } else if (const auto step = store_.last_step();
               step && step->next == committed.next && step->result == committed.result && !committed.artefact.empty()) {
      out.spent_on("sign", 1);
      ++count_.artefacts;
      count_.artefact_bytes_last = step->bytes.bytes();
      count_.artefact_bytes += count_.artefact_bytes_last;
    }
  }

  void hear(const address& from, const topology::device_report& report, time_point now, outbox& out) {
    auto it = devices_.find(report.device);
    if (it == devices_.end()) {
      if (devices_.size() >= options_.max_devices) forget_silent();
      it = devices_.emplace(report.device, device_entry{}).first;
    }
    device_entry& d = it->second;
    d.at = from;
    d.heard = now;
    d.line = report.line;
    d.trusted = report.trusted;
    const version_store::place active{report.active, report.active_hash};
    d.active = active;
    if (report.last_failure.empty()) {
      d.failures = 0;
      d.retry_at = now;
    } else if (report.last_failure != d.failure) {
      fail(it->first, d, report.last_failure, now, out);
    }
    d.failure = report.last_failure;
    d.previous.reset();
    if (!(report.previous_hash == content_hash{}))
      d.previous = version_store::place{report.previous, report.previous_hash};
    if (d.line == options_.line) {
      device_word word;
      word.active = active;
      word.previous = d.previous;
      if (!(report.rejected_hash == content_hash{}))
        word.rejected = version_place{report.rejected, report.rejected_hash};
      word.answers_per_second = static_cast<double>(report.answers_per_second);
      word.answer_ms = static_cast<double>(report.answer_ms);
      rollout_.heard(report.device, word, now);
    } else {
      rollout_.forget(report.device);
    }
    reconcile(it->first, d, now, out);
    let_in(now, out);
  }

  void fail(device_id id, device_entry& d, const std::string& why, time_point now, outbox& out) {
    ++count_.failures;
    ++d.failures;
    last_failure_ = "device " + std::to_string(id.value) + ": " + why;
    out.log(log_level::warn, "device " + std::to_string(id.value) + " refused an update: " + why);
    // The first failure is answered by a snapshot at once; when that fails too, ever later.
    if (d.failures > 1) {
      const unsigned doublings = std::min(d.failures - 2, 16U);
      d.retry_at = now + std::min(options_.retry_cap, options_.retry_after * (std::int64_t{1} << doublings));
    }
    slots_.release(id);
  }

  void reconcile(device_id id, device_entry& d, time_point now, outbox& out) {
    if (!rollout_.knows_good()) return;
    if (d.line != options_.line) {
      if (!d.foreign_logged) {
        d.foreign_logged = true;
        out.log(log_level::warn, "device " + std::to_string(id.value) + " at " + d.at.text() + " is of line " +
                                     std::to_string(d.line.value) + ", not of " + std::to_string(options_.line.value));
      }
      return slots_.drop(id);
    }
    if (tell_of_keys(d, out)) return;
    const version_store::place wanted = rollout_.desired(id);
    if (d.active == wanted) {
      d.slot_orders = 0;
      return slots_.drop(id);
    }
    if (d.previous && *d.previous == wanted && d.slot_orders < most_slot_orders) {
      slots_.drop(id);
      ++d.slot_orders;
      ++count_.slot_orders;
      out.send(d.at, topology::slot_order{wanted.number, wanted.hash, rollout_.last() ? rollout_.last()->why : "wanted"});
      return;
    }
    if (const artefact_ref current = slots_.at(id)) {
      if (still_leads_on(*current, d, wanted)) return offer(d, *current, wanted, out);
      slots_.release(id);
    }
    if (now < d.retry_at) return;
    if (wanted.number == version{0}) return offer_base(d, out);
    const artefact_ref chosen = choose(id, d, wanted);
    if (!chosen || !slots_.take(id, chosen, now)) return;
    chosen->snapshot ? ++count_.snapshots_started : ++count_.chains_started;
    offer(d, *chosen, wanted, out);
  }

  void look_at_keys(time_point now, outbox& out) {
    keys_at_ = now + key_period;
    if (!options_.keys) return;
    auto found = options_.keys();
    if (!found || found == keys_) return;
    if (auto signed_anew = store_.sign_with(found->signer()); !signed_anew) {
      return out.log(log_level::error, "artefacts cannot be signed: " + signed_anew.err().text());
    }
    keys_ = std::move(found);
    out.log(log_level::info, "artefacts are signed by key " + delta::text_of(keys_->signer().open_half().id()) +
                                 "; devices trust list " + std::to_string(keys_->trusted().serial));
  }

  // True when the device has to learn first whom to trust: what it would be offered it would refuse.
  bool tell_of_keys(const device_entry& d, outbox& out) {
    if (!keys_ || d.trusted == 0) return false;
    const auto* statement = keys_->statement_after(d.trusted);
    if (statement == nullptr) return false;
    out.send(d.at, topology::trust_statement{host_tensor::of(*statement)});
    return true;
  }

  // A transfer is finished even when newer versions have come since: else a slow device would
  // never get anywhere.
  bool still_leads_on(const stored_artefact& current, const device_entry& d, const version_store::place& wanted) const {
    const version_store::place end{current.next, current.result};
    if (d.active == end || end.number > wanted.number || rollout_.is_bad(end)) return false;
    return current.snapshot || d.active == version_store::place{current.base, current.base_hash};
  }

  // Null when the snapshot has to be made first: work() comes back to the device.
  artefact_ref choose(device_id id, const device_entry& d, const version_store::place& wanted) {
    auto chain = store_.chain_from(d.active, wanted);
    const bool walkable = chain && d.failures == 0 && chain->steps <= options_.prefer_snapshot_after;
    const artefact_ref snapshot = store_.snapshot_of(wanted);
    // A single step is what the line's devices take anyway; a snapshot is not made only to compare.
    if (walkable && chain->steps == 1 && !snapshot) return chain->first;
    if (!snapshot) {
      wants_snapshot_[wanted].insert(id);
      return nullptr;
    }
    return walkable && chain->bytes <= snapshot->bytes.bytes() ? chain->first : snapshot;
  }

  void offer(const device_entry& d, const stored_artefact& what, const version_store::place& wanted, outbox& out) {
    topology::artefact_offer o;
    o.artefact = what.content.value;  // the same in every life, so that a transfer outlives us
    o.snapshot = what.snapshot;
    o.base = what.base;
    o.next = what.next;
    o.bytes = what.bytes.bytes();
    o.content = what.content;
    o.chunk_bytes = options_.chunk_bytes;
    // On the way to a version that is not known to be good, the good one stays at hand.
    if (wanted != rollout_.good()) o.keep = rollout_.good().hash;
    ++count_.offers;
    count_.bytes_offered += o.bytes;
    out.send(d.at, o);
  }

  void offer_base(const device_entry& d, outbox& out) {
    topology::artefact_offer o;
    o.snapshot = true;
    o.chunk_bytes = options_.chunk_bytes;
    ++count_.offers;
    out.send(d.at, o);
  }

  void serve(const address& from, const any_message& m, const topology::chunk_request& request, time_point now,
             outbox& out) {
    const auto it = devices_.find(request.device);
    if (it == devices_.end() || it->second.at != from) {
      ++count_.stray_requests;
      return refuse(from, m,
                    error{errc::not_found,
                          "device " + std::to_string(request.device.value) + " has not reported from " + from.text()},
                    out);
    }
    device_entry& d = it->second;
    d.heard = now;
    const artefact_ref what = slots_.at(request.device);
    if (!what || what->content.value != request.artefact) {
      ++count_.stray_requests;
      return reconcile(it->first, d, now, out);
    }
    slots_.touch(request.device, now);
    std::uint64_t at = request.offset;
    const std::uint64_t size = what->bytes.bytes();
    for (std::uint32_t i = 0; i < std::min(request.chunks, options_.window_chunks) && at < size; ++i) {
      const std::uint64_t n = std::min<std::uint64_t>(options_.chunk_bytes, size - at);
      auto piece = host_tensor::adopt(dtype::u8, {static_cast<std::int64_t>(n)}, what->bytes.owner(),
                                      what->bytes.data() + at, static_cast<std::size_t>(n));
      out.send(from, topology::artefact_chunk{request.artefact, at, std::move(piece).value()});
      count_.bytes_sent += n;
      at += n;
    }
  }

  void let_in(time_point now, outbox& out) {
    while (const auto id = slots_.next()) {
      const auto it = devices_.find(*id);
      if (it != devices_.end()) reconcile(it->first, it->second, now, out);
    }
  }

  void forget_silent() {
    const auto oldest = std::min_element(devices_.begin(), devices_.end(),
                                         [](const auto& a, const auto& b) { return a.second.heard < b.second.heard; });
    slots_.drop(oldest->first);
    rollout_.forget(oldest->first);
    for (auto& [what, waiting] : wants_snapshot_) waiting.erase(oldest->first);
    devices_.erase(oldest);
  }

  static constexpr int most_moves = 16;  // a step each; nothing goes in circles without time passing

  deployer_options options_;
  version_store store_;
  rollout_machine rollout_;
  std::optional<rollout_state> state_;
  bool changed_ = false;  ///< pins, or what is bad, since it was last kept
  std::optional<time_point> mirror_asked_;
  transfer_slots slots_;
  std::map<device_id, device_entry> devices_;
  std::map<version_place, std::set<device_id>> wants_snapshot_;
  std::shared_ptr<const access::artefact_keys> keys_;
  time_point keys_at_;
  std::string last_failure_;
  deployer_counters count_;
};

}  // namespace

result<std::unique_ptr<role_core>> make_deployer(deployer_options options) {
  FRESHET_TRY(options.parts.validate());
  if (options.base.type() != dtype::f32 || options.base.items() != options.parts.total()) {
    return error{errc::shape_mismatch, "deployer: base of " + std::to_string(options.base.items()) +
                                           " values; the layout has " + std::to_string(options.parts.total()) +
                                           " of f32"};
  }
  if (options.history_versions == 0 || options.prefer_snapshot_after == 0 || options.chunk_bytes == 0 ||
      options.window_chunks == 0 || options.max_devices == 0 || options.transfers.slots == 0) {
    return error{errc::config,
                 "deployer: history_versions, prefer_snapshot_after, chunk_bytes, window_chunks, max_devices and "
                 "transfer slots must be at least 1"};
  }
  if (options.rollout.canary_minimum == 0 || options.rollout.kept_versions == 0) {
    return error{errc::config, "deployer: canary_minimum and kept_versions must be at least 1"};
  }
  std::optional<rollout_state> state;
  if (!options.state_dir.empty()) {
    FRESHET_TRY_ASSIGN(state, rollout_state::open(options.state_dir, options.line));
  }
  return std::unique_ptr<role_core>(std::make_unique<deployer_core>(std::move(options), std::move(state)));
}

}  // namespace freshet::actors
