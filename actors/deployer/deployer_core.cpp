#include "actors/deployer/deployer_core.hpp"

#include "actors/refusal.hpp"

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
};

struct counters {
  std::uint64_t commits = 0;
  std::uint64_t commits_refused = 0;
  std::uint64_t chain_breaks = 0;
  std::uint64_t offers = 0;
  std::uint64_t chains_started = 0;
  std::uint64_t snapshots_started = 0;
  std::uint64_t snapshots_made = 0;
  std::uint64_t bytes_offered = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t failures = 0;
  std::uint64_t stray_requests = 0;
  std::uint64_t artefacts = 0;
  std::uint64_t artefact_bytes = 0;
  std::uint64_t artefact_bytes_last = 0;
};

class deployer_core final : public role_core {
 public:
  explicit deployer_core(deployer_options options)
      : options_(std::move(options)),
        store_({options_.parts, options_.line, options_.base, options_.history_versions}),
        slots_(options_.transfers) {}

  void start(time_point now, outbox& out) override { look_at_keys(now, out); }

  void handle(const address& from, const any_message& m, time_point now, outbox& out) override {
    if (const auto* committed = std::get_if<topology::version_committed>(&m)) {
      commit(from, m, *committed, now, out);
    } else if (const auto* report = std::get_if<topology::device_report>(&m)) {
      hear(from, *report, now, out);
    } else if (const auto* request = std::get_if<topology::chunk_request>(&m)) {
      serve(from, m, *request, now, out);
    } else {
      refuse_unknown("deployer", from, m, out);
    }
  }

  void tick(time_point now, outbox& out) override {
    if (now >= keys_at_) look_at_keys(now, out);
    slots_.expire(now);
    let_in(now, out);
  }

  bool work(time_point now, outbox& out) override {
    if (wants_snapshot_.empty()) return false;
    // The desired version may have become 0 since, which needs none.
    if (!store_.snapshot() && store_.newest()->number != version{0}) {
      if (auto made = store_.make_snapshot(); !made) {
        out.log(log_level::error,
                "no snapshot of version " + std::to_string(store_.newest()->number.value) + ": " + made.err().text());
        // The chain is what is left; the next report asks again.
        wants_snapshot_.clear();
        return false;
      }
      ++count_.snapshots_made;
    }
    const std::set<device_id> waiting = std::move(wants_snapshot_);
    wants_snapshot_.clear();
    for (const device_id device : waiting) {
      const auto it = devices_.find(device);
      if (it != devices_.end()) reconcile(it->first, it->second, now, out);
    }
    return !wants_snapshot_.empty();
  }

  std::uint32_t capacity(const address&) const override { return commit_credit; }

  std::string stats_json() const override {
    std::uint64_t converged = 0;
    std::uint64_t foreign = 0;
    std::uint64_t farthest = 0;
    std::uint64_t behind = 0;
    for (const auto& [id, d] : devices_) {
      if (keys_ && d.trusted < keys_->trusted().serial) ++behind;
    }
    for (const auto& [id, d] : devices_) {
      if (d.line != options_.line) {
        ++foreign;
      } else if (store_.newest() && d.active == desired(id)) {
        ++converged;
      } else if (store_.newest() && d.active.number < desired(id).number) {
        farthest = std::max(farthest, desired(id).number.value - d.active.number.value);
      }
    }
    const double mean = count_.artefacts == 0
                            ? 0.0
                            : static_cast<double>(count_.artefact_bytes) / static_cast<double>(count_.artefacts);
    nlohmann::json all{{"devices", devices_.size()},
                       {"converged", converged},
                       {"lagging", store_.newest() ? devices_.size() - converged - foreign : 0},
                       {"foreign", foreign},
                       {"largest_lag", farthest},
                       {"transfers", slots_.active()},
                       {"waiting", slots_.waiting()},
                       {"commits", count_.commits},
                       {"commits_refused", count_.commits_refused},
                       {"chain_breaks", count_.chain_breaks},
                       {"chain_steps", store_.steps()},
                       {"chain_bytes", store_.chain_bytes()},
                       {"offers", count_.offers},
                       {"chains", count_.chains_started},
                       {"snapshots", count_.snapshots_started},
                       {"snapshots_made", count_.snapshots_made},
                       {"snapshot_bytes", store_.snapshot() ? store_.snapshot()->bytes.bytes() : 0},
                       {"bytes_offered", count_.bytes_offered},
                       {"bytes_sent", count_.bytes_sent},
                       {"failures", count_.failures},
                       {"last_failure", last_failure_},
                       {"signature_bytes", keys_ ? delta::signature_bytes : 0},
                       {"trusted_serial", keys_ ? keys_->trusted().serial : 0},
                       {"behind_in_trust", behind},
                       {"stray_requests", count_.stray_requests},
                       {"artefact_bytes_last", count_.artefact_bytes_last},
                       {"artefact_bytes_mean", mean}};
    all["desired_version"] = store_.newest() ? nlohmann::json(store_.newest()->number.value) : nlohmann::json();
    return all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  void stop(time_point, outbox&) override {}

 private:
  // The newest for all. Waves and pins decide here, per device.
  const version_store::place& desired(device_id) const { return *store_.newest(); }

  void commit(const address& from, const any_message& m, const topology::version_committed& committed, time_point now,
              outbox& out) {
    if (from != options_.distiller) {
      refuse(from, m,
             error{errc::invalid_argument,
                   "versions come from " + options_.distiller.text() + ", not from " + from.text()},
             out);
      return;
    }
    const auto news = store_.commit(committed);
    if (!news) {
      ++count_.commits_refused;
      out.log(log_level::error, "refused " + news.err().text());
      return refuse(from, m, news.err(), out);
    }
    if (*news == version_store::news::nothing) return;
    ++count_.commits;
    if (*news == version_store::news::jump) {
      ++count_.chain_breaks;
      out.log(log_level::info,
              "version " + std::to_string(committed.next.value) + " begins a new chain: " + store_.jump_reason());
    } else if (!committed.artefact.empty()) {
      ++count_.artefacts;
      count_.artefact_bytes_last = store_.last_step()->bytes.bytes();
      count_.artefact_bytes += count_.artefact_bytes_last;
    }
    for (auto& [id, d] : devices_) {
      // A dead one would only hold a slot; when it is back it reports.
      if (now - d.heard < options_.transfers.idle) reconcile(id, d, now, out);
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
    if (!store_.newest()) return;
    if (d.line != options_.line) {
      if (!d.foreign_logged) {
        d.foreign_logged = true;
        out.log(log_level::warn, "device " + std::to_string(id.value) + " at " + d.at.text() + " is of line " +
                                     std::to_string(d.line.value) + ", not of " + std::to_string(options_.line.value));
      }
      return slots_.drop(id);
    }
    if (tell_of_keys(d, out)) return;
    const version_store::place& wanted = desired(id);
    if (d.active == wanted) return slots_.drop(id);
    if (const artefact_ref current = slots_.at(id)) {
      if (still_leads_on(*current, d)) return offer(d, *current, out);
      slots_.release(id);
    }
    if (now < d.retry_at) return;
    if (wanted.number == version{0}) return offer_base(d, out);
    const artefact_ref chosen = choose(id, d);
    if (!chosen || !slots_.take(id, chosen, now)) return;
    chosen->snapshot ? ++count_.snapshots_started : ++count_.chains_started;
    offer(d, *chosen, out);
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
  static bool still_leads_on(const stored_artefact& current, const device_entry& d) {
    const version_store::place end{current.next, current.result};
    if (d.active == end) return false;
    return current.snapshot || d.active == version_store::place{current.base, current.base_hash};
  }

  // Null when the snapshot has to be made first: work() comes back to the device.
  artefact_ref choose(device_id id, const device_entry& d) {
    auto chain = store_.chain_from(d.active);
    const bool walkable = chain && d.failures == 0 && chain->steps <= options_.prefer_snapshot_after;
    // A single step is what the line's devices take anyway; a snapshot is not made only to compare.
    if (walkable && chain->steps == 1 && !store_.snapshot()) return chain->first;
    if (!store_.snapshot()) {
      wants_snapshot_.insert(id);
      return nullptr;
    }
    return walkable && chain->bytes <= store_.snapshot()->bytes.bytes() ? chain->first : store_.snapshot();
  }

  void offer(const device_entry& d, const stored_artefact& what, outbox& out) {
    topology::artefact_offer o;
    o.artefact = what.content.value;  // the same in every life, so that a transfer outlives us
    o.snapshot = what.snapshot;
    o.base = what.base;
    o.next = what.next;
    o.bytes = what.bytes.bytes();
    o.content = what.content;
    o.chunk_bytes = options_.chunk_bytes;
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
    wants_snapshot_.erase(oldest->first);
    devices_.erase(oldest);
  }

  deployer_options options_;
  version_store store_;
  transfer_slots slots_;
  std::map<device_id, device_entry> devices_;
  std::set<device_id> wants_snapshot_;
  std::shared_ptr<const access::artefact_keys> keys_;
  time_point keys_at_;
  std::string last_failure_;
  counters count_;
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
  return std::unique_ptr<role_core>(std::make_unique<deployer_core>(std::move(options)));
}

}  // namespace freshet::actors
