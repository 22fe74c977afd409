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

}  // namespace

version_store::version_store(options settings) : settings_(std::move(settings)) {
  FRESHET_ENSURE(settings_.base.type() == dtype::f32 && settings_.base.items() == settings_.parts.total(),
                 "version_store: the base values have not the layout's form");
  const float* first = settings_.base.as<float>();
  base_.assign(first, first + settings_.base.items());
  values_ = base_;
  at_ = place{version{0}, delta::hash_values(base_.data(), base_.size())};
}

result<artefact_ref> version_store::check_step(const topology::version_committed& committed) {
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
  std::vector<float> values = values_;
  FRESHET_TRY(delta::apply_artefact(made, settings_.parts, settings_.line, at_.number, values));
  FRESHET_TRY_ASSIGN(host_tensor bytes, sealed(committed.artefact));
  artefact_ref step = store(made, std::move(bytes));
  made.payload.clear();
  label_ = std::move(made);
  return step;
}

result<version_store::news> version_store::commit(const topology::version_committed& committed) {
  const std::string what = "version " + std::to_string(committed.next.value);
  if (committed.line != settings_.line) {
    return error{errc::wrong_base, what + " of line " + std::to_string(committed.line.value) + "; this is line " +
                                       std::to_string(settings_.line.value)};
  }
  if (committed.values.type() != dtype::f32 || committed.values.items() != base_.size()) {
    return error{errc::shape_mismatch, what + " of " + std::to_string(committed.values.items()) +
                                           " values; the layout has " + std::to_string(base_.size())};
  }
  const place next{committed.next, committed.result};
  if (newest_ && *newest_ == next) return news::nothing;
  const float* first = committed.values.as<float>();
  if (delta::hash_values(first, base_.size()) != committed.result) return error{errc::hash_mismatch, what};
  if (next.number == version{0} && committed.result != delta::hash_values(base_.data(), base_.size())) {
    return error{errc::wrong_base, "version 0 differs from the base model here"};
  }
  news kind = news::step;
  if (auto step = check_step(committed); step.ok()) {
    chain_.push_back(std::move(*step));
    while (chain_.size() > settings_.history) chain_.pop_front();
  } else {
    // The first word of a distiller that begins at version 0 is no break.
    kind = !newest_ && next == at_ ? news::step : news::jump;
    jump_reason_ = step.err().text();
    chain_.clear();
    label_ = delta::artefact{};
  }
  values_.assign(first, first + base_.size());
  at_ = next;
  newest_ = next;
  snapshot_.reset();
  return kind;
}

std::optional<version_store::route> version_store::chain_from(const place& from) const {
  route way;
  for (auto it = chain_.rbegin(); it != chain_.rend(); ++it) {
    way.first = *it;
    ++way.steps;
    way.bytes += (*it)->bytes.bytes();
    if ((*it)->base == from.number && (*it)->base_hash == from.hash) return way;
  }
  return std::nullopt;
}

result<void> version_store::make_snapshot() {
  FRESHET_ENSURE(newest_ && newest_->number != version{0}, "a snapshot of a version after 0");
  delta::artefact label = label_;
  label.line = settings_.line;
  label.signature.clear();
  FRESHET_TRY_ASSIGN(const delta::artefact made,
                     delta::make_snapshot(settings_.parts, base_, values_, newest_->number, std::move(label)));
  FRESHET_TRY_ASSIGN(auto bytes, delta::encode_artefact(made));
  FRESHET_TRY_ASSIGN(host_tensor travelling, sealed(host_tensor::of(std::move(bytes))));
  snapshot_ = store(made, std::move(travelling));
  return {};
}

result<host_tensor> version_store::sealed(const host_tensor& bytes) const {
  if (!signer_) return bytes;
  FRESHET_TRY_ASSIGN(auto out, delta::sign_artefact({bytes.data(), bytes.bytes()}, *signer_));
  return host_tensor::of(std::move(out));
}

result<void> version_store::sign_with(const delta::signing_key& key) {
  signer_ = key;
  snapshot_.reset();
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
