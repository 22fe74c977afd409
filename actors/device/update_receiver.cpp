#include "actors/device/update_receiver.hpp"

#include "actors/offer_content.hpp"
#include "actors/refusal.hpp"
#include "kernels/delta/artefact.hpp"
#include "kernels/delta/signed_artefact.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace freshet::actors {
namespace {

using topology::artefact_chunk;
using topology::artefact_offer;

constexpr std::size_t most_refusals = 16;
constexpr std::uint64_t most_chunks = std::uint64_t{1} << 20;
constexpr unsigned most_doublings = 4;

std::string name_of_offer(const artefact_offer& offer) {
  return std::string(offer.snapshot ? "snapshot" : "update") + " " + std::to_string(offer.base.value) + " -> " +
         std::to_string(offer.next.value);
}

content_hash hash_of(const host_tensor& values) { return delta::hash_values(values.as<float>(), values.items()); }

// Back to version 0: every device keeps its values, so the offer brings none.
bool is_return_to_base(const artefact_offer& offer) { return offer.snapshot && offer.next == version{0}; }

}  // namespace

update_receiver::update_receiver(update_receiver_options options, host_tensor values, version active)
    : options_(std::move(options)) {
  FRESHET_ENSURE(options_.base.items() == options_.parts.total() && options_.base.type() == dtype::f32,
                 "update_receiver: the base values have not the layout's form");
  FRESHET_ENSURE(values.items() == options_.parts.total() && values.type() == dtype::f32,
                 "update_receiver: the active values have not the layout's form");
  FRESHET_ENSURE(options_.window_chunks > 0 && options_.attempts > 0,
                 "update_receiver: window and attempts of at least 1");
  const content_hash hash = hash_of(values);
  active_ = ready_update{std::move(values), active, hash};
}

bool update_receiver::handle(const topology::address& from, const topology::any_message& m, time_point now,
                             outbox& out) {
  const auto* offer = std::get_if<artefact_offer>(&m);
  const auto* chunk = std::get_if<artefact_chunk>(&m);
  const auto* statement = std::get_if<topology::trust_statement>(&m);
  if (offer == nullptr && chunk == nullptr && statement == nullptr) return false;
  if (from != options_.deployer) {
    refuse(from, m,
           error{errc::invalid_argument, "updates come from " + options_.deployer.text() + ", not from " + from.text()},
           out);
  } else if (statement != nullptr) {
    take_statement(*statement);
  } else if (offer != nullptr) {
    consider(*offer, now, out);
  } else {
    take_chunk(*chunk, now, out);
  }
  return true;
}

void update_receiver::take_statement(const topology::trust_statement& statement) {
  if (!options_.trusted || statement.bytes.type() != dtype::u8) return;
  const std::vector<std::uint8_t> bytes(statement.bytes.data(), statement.bytes.data() + statement.bytes.bytes());
  auto next = delta::follow_statement(bytes, *options_.trusted);
  if (next) {
    options_.trusted = std::move(*next);
    return;
  }
  // Statements repeat until the deployer hears of them: a late one is no news, a bad one is news once.
  if (next.err().code == errc::wrong_base || bytes == refused_statement_) return;
  refused_statement_ = bytes;
  ++count_.refused;
  last_failure_ = "refusal " + std::to_string(count_.refused) + ": list of artefact keys: " + next.err().text();
}

bool update_receiver::fits(const artefact_offer& offer, time_point now) const {
  if (pending_) return false;
  const bool refused = std::any_of(refusals_.begin(), refusals_.end(),
                                   [&](const refusal& r) { return r.artefact == offer.artefact && now < r.until; });
  if (refused) return false;
  // Late offers of former states are no news.
  if (!offer.snapshot && offer.base != active_.number) return false;
  if (offer.snapshot && offer.next == active_.number && offer.artefact == applied_ && applied_ != 0) return false;
  // One that moves on is not given up for another: versions may come faster than transfers end.
  return !pulling_ || pulling_->waits > 0;
}

void update_receiver::consider(const artefact_offer& offer, time_point now, outbox& out) {
  if (pulling_ && pulling_->offer.artefact == offer.artefact) {
    if (pulling_->waits == 0) return;
    // The deployer is back: go on where the transfer stopped.
    pulling_->waits = 0;
    pulling_->next_to_ask = pulling_->first_missing;
    pulling_->on_the_way = 0;
    pulling_->deadline = now + options_.patience;
    return ask(out);
  }
  if (!fits(offer, now)) return;
  if (is_return_to_base(offer)) {
    const content_hash hash = hash_of(options_.base);
    if (active_.number == version{0} && active_.hash == hash) return;
    pulling_.reset();
    pending_ = pending{ready_update{options_.base, version{0}, hash}, 0, true, false, false, offer.keep};
    return;
  }
  const std::uint64_t chunks = offer.chunk_bytes == 0 ? 0 : (offer.bytes + offer.chunk_bytes - 1) / offer.chunk_bytes;
  if (offer.bytes == 0 || offer.bytes > options_.max_artefact_bytes) {
    return refuse_artefact(offer.artefact,
                           name_of_offer(offer) + ": " + std::to_string(offer.bytes) + " bytes offered; 1 to " +
                               std::to_string(options_.max_artefact_bytes) + " are taken here",
                           now);
  }
  if (chunks == 0 || chunks > most_chunks || offer.chunk_bytes > options_.max_chunk_bytes) {
    return refuse_artefact(offer.artefact,
                           name_of_offer(offer) + ": chunks of " + std::to_string(offer.chunk_bytes) +
                               " bytes offered; 1 to " + std::to_string(options_.max_chunk_bytes) + " are taken here",
                           now);
  }
  begin(offer, 1, now, out);
}

void update_receiver::begin(const artefact_offer& offer, unsigned attempt, time_point now, outbox& out) {
  auto room = workspace::of(static_cast<std::size_t>(offer.bytes), options_.scratch);
  if (!room) return refuse_artefact(offer.artefact, name_of_offer(offer) + ": " + room.err().text(), now);
  transfer fresh;
  fresh.offer = offer;
  fresh.bytes = std::move(*room);
  fresh.here.assign(static_cast<std::size_t>((offer.bytes + offer.chunk_bytes - 1) / offer.chunk_bytes), false);
  fresh.attempt = attempt;
  fresh.begun = now;
  fresh.deadline = now + options_.patience;
  pulling_ = std::move(fresh);
  ask(out);
  out.wake_after(options_.patience);
}

void update_receiver::ask(outbox& out) {
  transfer& t = *pulling_;
  // Half a window at a time keeps the pipe full without a request for every chunk.
  if (t.on_the_way > options_.window_chunks / 2) return;
  while (t.on_the_way < options_.window_chunks) {
    while (t.next_to_ask < t.here.size() && t.here[t.next_to_ask]) ++t.next_to_ask;
    if (t.next_to_ask == t.here.size()) return;
    const std::size_t first = t.next_to_ask;
    while (t.next_to_ask < t.here.size() && !t.here[t.next_to_ask] && t.on_the_way < options_.window_chunks) {
      ++t.next_to_ask;
      ++t.on_the_way;
    }
    out.send(options_.deployer,
             topology::chunk_request{options_.device, t.offer.artefact, std::uint64_t{first} * t.offer.chunk_bytes,
                                     static_cast<std::uint32_t>(t.next_to_ask - first)});
  }
}

void update_receiver::take_chunk(const artefact_chunk& chunk, time_point now, outbox& out) {
  if (!pulling_ || chunk.artefact != pulling_->offer.artefact) {
    ++count_.stray_chunks;
    return;
  }
  transfer& t = *pulling_;
  const std::uint64_t step = t.offer.chunk_bytes;
  const bool in_place = chunk.offset % step == 0 && chunk.offset < t.bytes.bytes() && chunk.bytes.type() == dtype::u8;
  if (!in_place || chunk.bytes.bytes() != std::min<std::uint64_t>(step, t.bytes.bytes() - chunk.offset)) {
    ++count_.stray_chunks;
    return;
  }
  const auto index = static_cast<std::size_t>(chunk.offset / step);
  if (t.here[index]) {
    ++count_.stray_chunks;
    return;
  }
  std::memcpy(t.bytes.data() + chunk.offset, chunk.bytes.data(), chunk.bytes.bytes());
  t.here[index] = true;
  count_.artefact_bytes += chunk.bytes.bytes();
  if (index < t.next_to_ask && t.on_the_way > 0) --t.on_the_way;
  while (t.first_missing < t.here.size() && t.here[t.first_missing]) ++t.first_missing;
  t.waits = 0;
  t.deadline = now + options_.patience;
  if (t.first_missing == t.here.size()) return finish(now, out);
  ask(out);
}

duration update_receiver::patience_of(const transfer& t) const {
  return options_.patience * (std::int64_t{1} << std::min(t.waits, most_doublings));
}

void update_receiver::tick(time_point now, outbox& out) {
  if (!pulling_ || now < pulling_->deadline) return;
  ++pulling_->waits;
  ++count_.asked_again;
  pulling_->next_to_ask = pulling_->first_missing;
  pulling_->on_the_way = 0;
  const duration wait = patience_of(*pulling_);
  pulling_->deadline = now + wait;
  ask(out);
  out.wake_after(wait);
}

void update_receiver::finish(time_point now, outbox& out) {
  const transfer whole = std::move(*pulling_);
  pulling_.reset();
  out.passed_in("transfer", 1, now - whole.begun);
  if (hash_content(whole.bytes.data(), whole.bytes.bytes()) != whole.offer.content) {
    if (whole.attempt < options_.attempts) return begin(whole.offer, whole.attempt + 1, now, out);
    return refuse_artefact(whole.offer.artefact,
                           name_of_offer(whole.offer) + ": the bytes hash differently from the offer, " +
                               std::to_string(whole.attempt) + " times over",
                           now);
  }
  auto next = apply(whole);
  out.spent_on("decode", 1);
  if (!next) {
    out.log(log_level::warn, "refused " + name_of_offer(whole.offer) + ": " + next.err().text());
    return refuse_artefact(whole.offer.artefact, name_of_offer(whole.offer) + ": " + next.err().text(), now);
  }
  pending_ = pending{std::move(*next), whole.offer.artefact, whole.offer.snapshot, false, false, whole.offer.keep};
}

result<ready_update> update_receiver::apply(const transfer& whole) const {
  const artefact_offer& offer = whole.offer;
  const delta::byte_view bytes(whole.bytes.data(), whole.bytes.bytes());
  if (options_.trusted) FRESHET_TRY(delta::verify_artefact(bytes, *options_.trusted));
  delta::artefact_limits limits;
  limits.payload_bytes = options_.max_artefact_bytes;
  FRESHET_TRY_ASSIGN(const delta::artefact_view seen, delta::view_artefact(bytes, limits));
  const delta::artefact& made = seen.head;
  const bool snapshot = made.kind == delta::artefact_kind::snapshot;
  if (snapshot != offer.snapshot || made.made != offer.next || (!snapshot && made.base != offer.base)) {
    return error{errc::corrupt, "the artefact leads from version " + std::to_string(made.base.value) + " to " +
                                    std::to_string(made.made.value) + ", which is not what was offered"};
  }
  const host_tensor& from = snapshot ? options_.base : active_.values;
  const version current = snapshot ? version{0} : active_.number;
  FRESHET_TRY_ASSIGN(const workspace values, workspace::of(from.bytes(), options_.scratch));
  std::memcpy(values.data(), from.data(), from.bytes());
  FRESHET_TRY_ASSIGN(const version number,
                     delta::apply_artefact_in_place(seen, options_.parts, options_.line, current,
                                                    reinterpret_cast<float*>(values.data())));
  return ready_update{values.as_tensor(dtype::f32), number, made.result_hash};
}

void update_receiver::refuse_artefact(std::uint64_t artefact, const std::string& why, time_point now) {
  ++count_.refused;
  // The number tells the deployer a new failure from the repetition of an old one.
  last_failure_ = "refusal " + std::to_string(count_.refused) + ": " + why;
  refusals_.push_back(refusal{artefact, now + options_.refused_for});
  if (refusals_.size() > most_refusals) refusals_.pop_front();
}

std::optional<ready_update> update_receiver::take_ready() {
  if (!pending_ || pending_->taken) return std::nullopt;
  pending_->taken = true;
  return pending_->what;
}

void update_receiver::confirm_active(version number) {
  FRESHET_ENSURE(pending_ && pending_->taken && pending_->what.number == number,
                 "confirm_active of a version that was not handed out");
  if (pending_->is_return) {
    previous_.reset();
  } else {
    const bool stays = previous_ && previous_->hash == pending_->keep && active_.hash != pending_->keep;
    if (!stays) previous_ = std::move(active_);
    last_failure_.clear();
    ++count_.updates;
    if (pending_->snapshot) ++count_.snapshots;
  }
  active_ = std::move(pending_->what);
  applied_ = pending_->artefact;
  pending_.reset();
}

void update_receiver::reject(const std::string& why, time_point now) {
  FRESHET_ENSURE(pending_ && pending_->taken, "reject of an update that was not handed out");
  rejected_ = pending_->what.number;
  rejected_hash_ = pending_->what.hash;
  refuse_artefact(pending_->artefact, "version " + std::to_string(pending_->what.number.value) + ": " + why, now);
  pending_.reset();
}

std::optional<ready_update> update_receiver::go_back(const std::string& why, time_point now) {
  if (!previous_ || (pending_ && pending_->taken)) return std::nullopt;
  pulling_.reset();
  refuse_artefact(applied_, "version " + std::to_string(active_.number.value) + ": " + why, now);
  pending_ = pending{*previous_, 0, false, true, true, {}};
  return pending_->what;
}

bool update_receiver::take_slot(const topology::slot_order& order) {
  if (!previous_ || previous_->number != order.active || previous_->hash != order.active_hash) return false;
  if (pending_ && pending_->taken) return false;
  pulling_.reset();
  pending_ = pending{*previous_, 0, false, false, true, {}};
  return true;
}

topology::device_report update_receiver::report() const {
  topology::device_report r;
  r.device = options_.device;
  r.line = options_.line;
  r.active = active_.number;
  r.active_hash = active_.hash;
  r.last_failure = last_failure_;
  r.trusted = options_.trusted ? options_.trusted->serial : 0;
  if (previous_) {
    r.previous = previous_->number;
    r.previous_hash = previous_->hash;
  }
  r.rejected = rejected_;
  r.rejected_hash = rejected_hash_;
  return r;
}

}  // namespace freshet::actors
