#include "kernels/model/parameters.hpp"

#include <ATen/ATen.h>

#include <algorithm>

namespace freshet::model {

void parameters::set(const std::string& name, at::Tensor value) {
  const auto found = index_.find(name);
  if (found != index_.end()) {
    items_[found->second].second = std::move(value);
    return;
  }
  index_.emplace(name, items_.size());
  items_.emplace_back(name, std::move(value));
}

void parameters::erase(const std::string& name) {
  const auto found = index_.find(name);
  if (found == index_.end()) return;
  const std::size_t gone = found->second;
  index_.erase(found);
  items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(gone));
  for (auto& entry : index_) entry.second -= entry.second > gone ? 1 : 0;
}

const at::Tensor& parameters::at(const std::string& name) const {
  const auto found = index_.find(name);
  FRESHET_ENSURE(found != index_.end(), "parameters: no tensor named " + name);
  return items_[found->second].second;
}

at::Tensor parameters::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? at::Tensor() : items_[found->second].second;
}

std::int64_t parameters::count_values() const {
  std::int64_t n = 0;
  for (const auto& item : items_) n += item.second.numel();
  for (const auto& [layer, w] : quantised_) n += w.shape.out * w.shape.in - w.levels.numel() - w.scales.numel();
  return n;
}

parameters parameters::clone() const {
  parameters copy;
  copy.quantised_ = quantised_;
  copy.frozen_ = frozen_;
  for (const auto& [name, value] : items_) {
    const std::string layer = name.substr(0, name.rfind('.'));
    const auto w = quantised_.find(layer);
    const bool shared = w != quantised_.end() && (value.is_same(w->second.levels) || value.is_same(w->second.scales));
    copy.set(name, shared ? value : value.detach().clone());
  }
  return copy;
}

void parameters::set_quantised(const std::string& layer, quantised_weight value) {
  set(layer + levels_suffix, value.levels);
  set(layer + scales_suffix, value.scales);
  quantised_.insert_or_assign(layer, std::move(value));
}

bool parameters::frozen(const std::string& name) const {
  return std::any_of(frozen_.begin(), frozen_.end(), [&](const std::string& part) { return name.compare(0, part.size(), part) == 0; });
}

quantised_weight parameters::quantised(const std::string& layer) const {
  const auto found = quantised_.find(layer);
  return found == quantised_.end() ? quantised_weight() : found->second;
}

}  // namespace freshet::model
