#include "actors/deployer/version_store.hpp"

#include "actors/offer_content.hpp"
#include "kernels/delta/refresh.hpp"
#include "kernels/delta/signed_artefact.hpp"

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

std::vector<float> copy_of(const host_tensor& values) {
  const float* first = values.as<float>();
  return {first, first + values.items()};
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
  FRESHET_TRY_ASSIGN(delta::artefact made,
                     delta::decode_artefact({committed.artefact.data(), committed.artefact.bytes()}, limits));
  if (made.kind != delta::artefact_kind::chain || made.made != committed.next) {
    return error{errc::corrupt, "an update that leads to version " + std::to_string(made.made.value)};
  }
  if (made.result_hash != committed.result) return error{errc::hash_mismatch, "the update promises other values"};
  const place base{made.base, made.base_hash};
  const host_tensor* from = values_of(base);
  if (from == nullptr) return error{errc::wrong_base, "an update of " + name_of(base) + ", which is not held here"};
  std::vector<float> values = copy_of(*from);
  FRESHET_TRY(delta::apply_artefact(made, settings_.parts, settings_.line, base.number, values));
  FRESHET_TRY_ASSIGN(host_tensor bytes, sealed(committed.artefact));
  artefact_ref step = store(made, std::move(bytes));
  made.payload.clear();
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
  } else if (newest_ && held_.count(next) != 0) {
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
  FRESHET_TRY_ASSIGN(const delta::artefact made,
                     delta::make_snapshot(settings_.parts, copy_of(settings_.base), copy_of(it->second.values),
                                          what.number, std::move(label)));
  FRESHET_TRY_ASSIGN(auto bytes, delta::encode_artefact(made));
  FRESHET_TRY_ASSIGN(host_tensor travelling, sealed(host_tensor::of(std::move(bytes))));
  it->second.snapshot = store(made, std::move(travelling));
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
