#include "actors/deployer/version_store.hpp"

#include "actors/offer_content.hpp"
#include "actors/workspace.hpp"
#include "kernels/delta/refresh.hpp"
#include "kernels/delta/signed_artefact.hpp"
#include "kernels/delta/update.hpp"

#include <cstring>
#include <utility>

namespace freshet::actors {
namespace {

artefact_ref store(const delta::artefact& made, host_tensor bytes) {
  auto out = std::make_shared<stored_artefact>();
  out->snapshot = made.kind == delta::artefact_kind::snapshot;
  out->base = made.base;
  out->next = made.made;
  out->base_hash = made.base_hash;
  out->result = made.result_hash;
  out->content = hash_content(bytes.data(), bytes.bytes());
  out->bytes = std::move(bytes);
  return out;
}

std::string name_of(const version_place& what) { return "version " + std::to_string(what.number.value); }

}  // namespace

version_store::version_store(options settings) : settings_(std::move(settings)) {
  FRESHET_ENSURE(settings_.base.type() == dtype::f32 && settings_.base.items() == settings_.parts.total(),
                 "version_store: the base values have not the layout's form");
  base_ = place{version{0}, delta::hash_values(settings_.base.as<float>(), settings_.base.items())};
  held_[base_].values = settings_.base;
}

result<version_store::checked_step> version_store::check_step(const topology::version_committed& committed) const {
  if (committed.artefact.empty()) return error{errc::not_found, "announced without an update"};
  if (committed.artefact.type() != dtype::u8) return error{errc::corrupt, "an update of other items than bytes"};
  delta::artefact_limits limits;
  limits.payload_bytes = committed.artefact.bytes();
  FRESHET_TRY_ASSIGN(delta::artefact_view seen,
                     delta::view_artefact({committed.artefact.data(), committed.artefact.bytes()}, limits));
  delta::artefact& made = seen.head;
  if (made.kind != delta::artefact_kind::chain || made.made != committed.next) {
    return error{errc::corrupt, "an update that leads to version " + std::to_string(made.made.value)};
  }
  if (made.result_hash != committed.result) return error{errc::hash_mismatch, "the update promises other values"};
  const place base{made.base, made.base_hash};
  const host_tensor* from = values_of(base);
  if (from == nullptr) return error{errc::wrong_base, "an update of " + name_of(base) + ", which is not held here"};
  FRESHET_TRY_ASSIGN(const workspace values, workspace::of(from->bytes(), settings_.scratch));
  std::memcpy(values.data(), from->data(), from->bytes());
  FRESHET_TRY(delta::apply_artefact_in_place(seen, settings_.parts, settings_.line, base.number,
                                             reinterpret_cast<float*>(values.data())));
  FRESHET_TRY_ASSIGN(host_tensor bytes, sealed(committed.artefact));
  artefact_ref step = store(made, std::move(bytes));
  return checked_step{std::move(step), std::move(made)};
}

result<void> version_store::check_values(const place& what, const host_tensor& values) const {
  if (values.type() != dtype::f32 || values.items() != settings_.parts.total()) {
    return {errc::shape_mismatch, name_of(what) + " of " + std::to_string(values.items()) +
                                      " values; the layout has " + std::to_string(settings_.parts.total())};
  }
  if (delta::hash_values(values.as<float>(), values.items()) != what.hash) return {errc::hash_mismatch, name_of(what)};
  if (what.number == version{0} && what != base_) {
    return {errc::wrong_base, "version 0 differs from the base model here"};
  }
  return {};
}

result<version_store::news> version_store::commit(const topology::version_committed& committed) {
  const place next{committed.next, committed.result};
  if (committed.line != settings_.line) {
    return error{errc::wrong_base, name_of(next) + " of line " + std::to_string(committed.line.value) +
                                       "; this is line " + std::to_string(settings_.line.value)};
  }
  if (newest_ && *newest_ == next && committed.values.items() == settings_.parts.total()) return news::nothing;
  FRESHET_TRY(check_values(next, committed.values));
  news kind = news::step;
  delta::artefact label;
  if (auto checked = check_step(committed); checked.ok()) {
    chain_.push_back(std::move(checked->step));
    label = std::move(checked->label);
    while (chain_.size() > settings_.history) chain_.pop_front();
  } else if ((newest_ || !chain_.empty()) && held_.count(next) != 0) {
    // Back to a version that is held: what leads to it still does.
  } else {
    // The first word of a distiller that begins at version 0 is no break.
    kind = !newest_ && next == base_ ? news::step : news::jump;
    jump_reason_ = checked.err().text();
    chain_.clear();
  }
  held_version& entry = held_[next];
  entry.values = committed.values;
  if (!label.codec.empty()) entry.label = std::move(label);
  newest_ = next;
  return kind;
}

result<void> version_store::hold(const place& what, const host_tensor& values) {
  FRESHET_TRY(check_values(what, values));
  held_[what].values = values;
  return {};
}

result<void> version_store::hold_step(const host_tensor& artefact) {
  FRESHET_ENSURE(artefact.type() == dtype::u8, "an artefact is bytes");
  delta::artefact_limits limits;
  limits.payload_bytes = artefact.bytes();
  FRESHET_TRY_ASSIGN(delta::artefact_view seen, delta::view_artefact({artefact.data(), artefact.bytes()}, limits));
  delta::artefact& made = seen.head;
  if (made.kind != delta::artefact_kind::chain || made.line != settings_.line) {
    return {errc::wrong_base, "no update of line " + std::to_string(settings_.line.value)};
  }
  FRESHET_TRY_ASSIGN(host_tensor bytes, sealed(artefact));
  chain_.push_back(store(made, std::move(bytes)));
  while (chain_.size() > settings_.history) chain_.pop_front();
  const place end{made.made, made.result_hash};
  if (const auto it = held_.find(end); it != held_.end()) it->second.label = std::move(made);
  return {};
}

void version_store::go_on_from(const place& what) {
  FRESHET_ENSURE(held_.count(what) != 0, "a version that is held");
  newest_ = what;
}

void version_store::put_down(const place& what, host_tensor values) {
  const auto it = held_.find(what);
  FRESHET_ENSURE(it != held_.end() && it->second.values.items() == values.items(), "values of a version that is held");
  it->second.values = std::move(values);
}

void version_store::retain(const std::set<place>& needed) {
  for (auto it = held_.begin(); it != held_.end();) {
    const bool stays = it->first == base_ || (newest_ && it->first == *newest_) || needed.count(it->first) != 0;
    it = stays ? std::next(it) : held_.erase(it);
  }
}

const host_tensor* version_store::values_of(const place& what) const {
  const auto it = held_.find(what);
  return it == held_.end() ? nullptr : &it->second.values;
}

std::optional<version_store::route> version_store::chain_from(const place& from, const place& to) const {
  route way;
  place at = to;
  for (auto it = chain_.rbegin(); it != chain_.rend(); ++it) {
    const stored_artefact& step = **it;
    if (!(at == place{step.next, step.result})) continue;
    way.first = *it;
    ++way.steps;
    way.bytes += step.bytes.bytes();
    at = place{step.base, step.base_hash};
    if (at == from) return way;
  }
  return std::nullopt;
}

artefact_ref version_store::snapshot_of(const place& what) const {
  const auto it = held_.find(what);
  return it == held_.end() ? nullptr : it->second.snapshot;
}

result<void> version_store::make_snapshot(const place& what) {
  const auto it = held_.find(what);
  FRESHET_ENSURE(it != held_.end() && what.number != version{0}, "a snapshot of a version after 0 that is held");
  delta::artefact label = it->second.label;
  label.line = settings_.line;
  label.signature.clear();
  const host_tensor& values = it->second.values;
  FRESHET_TRY_ASSIGN(const delta::artefact made,
                     delta::describe_snapshot(settings_.parts, settings_.base.as<float>(), values.as<float>(),
                                              what.number, std::move(label)));
  FRESHET_TRY_ASSIGN(written_bytes out, written_bytes::begin(values.bytes(), settings_.scratch));
  FRESHET_TRY_ASSIGN(auto head, delta::artefact_head(made, 0));
  FRESHET_TRY(out.append(head));
  FRESHET_TRY(delta::encode_exact_update(settings_.base.as<float>(), values.as<float>(), settings_.parts,
                                         [&](delta::byte_view piece) { return out.append(piece); }));
  // Now its length is known.
  const std::size_t head_bytes = head.size();
  FRESHET_TRY_ASSIGN(head, delta::artefact_head(made, out.bytes() - head_bytes));
  FRESHET_TRY(out.overwrite(0, head));
  FRESHET_TRY_ASSIGN(const delta::byte_view region, out.view());
  FRESHET_TRY(out.append(signer_ ? delta::signed_tail(region, *signer_) : delta::artefact_tail(region, {})));
  FRESHET_TRY_ASSIGN(host_tensor bytes, out.take());
  it->second.snapshot = store(made, std::move(bytes));
  return {};
}

result<host_tensor> version_store::sealed(const host_tensor& bytes) const {
  if (!signer_) return bytes;
  FRESHET_TRY_ASSIGN(auto out, delta::sign_artefact({bytes.data(), bytes.bytes()}, *signer_));
  return host_tensor::of(std::move(out));
}

result<void> version_store::sign_with(const delta::signing_key& key) {
  signer_ = key;
  for (auto& [where, held] : held_) held.snapshot.reset();
  for (artefact_ref& step : chain_) {
    FRESHET_TRY_ASSIGN(host_tensor bytes, sealed(step->bytes));
    auto anew = std::make_shared<stored_artefact>(*step);
    anew->content = hash_content(bytes.data(), bytes.bytes());
    anew->bytes = std::move(bytes);
    step = std::move(anew);
  }
  return {};
}

std::uint64_t version_store::chain_bytes() const noexcept {
  std::uint64_t all = 0;
  for (const auto& step : chain_) all += step->bytes.bytes();
  return all;
}

}  // namespace freshet::actors
