#include "kernels/model/adapter_set.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

#include "kernels/model/strict_json.hpp"
#include "kernels/model/trainable_set.hpp"

namespace freshet::model {
namespace {

bool is_matrix(const std::string& name) { return name.find(".lora_") != std::string::npos; }

}  // namespace

adapter_set::adapter_set(const multimodal& base) {
  for (const auto& [name, value] : base.weights().all()) {
    FRESHET_ENSURE(!is_matrix(name), "adapter_set: the model wears an adapter already");
    if (is_trainable(name)) base_.emplace_back(name, value);
  }
}

result<void> adapter_set::add(const std::string& name, lora_adapter adapter) {
  if (name.empty() || adapters_.count(name) != 0) {
    return error{errc::invalid_argument, "adapter " + in_quotes(name) + ": the name must not be empty nor taken"};
  }
  std::map<std::string, at::Tensor> own(adapter.norms_and_biases.begin(), adapter.norms_and_biases.end());
  adapter.norms_and_biases.clear();
  for (const auto& [part, value] : base_) {
    const auto known = own.find(part);
    adapter.norms_and_biases.emplace_back(part, known == own.end() ? value.detach().clone() : known->second);
  }
  adapters_.emplace(name, std::move(adapter));
  return {};
}

result<void> adapter_set::remove(const std::string& name) {
  if (name == in_use_) return error{errc::invalid_argument, "adapter " + in_quotes(name) + " is in use"};
  if (adapters_.erase(name) == 0) return error{errc::not_found, "adapter " + in_quotes(name)};
  return {};
}

void adapter_set::change(multimodal& model, const tensors& matrices, const tensors& norms_and_biases, double scale) {
  std::set<std::string> kept;
  for (const auto& item : matrices) kept.insert(item.first);
  std::vector<std::string> gone;
  for (const auto& item : model.weights().all()) {
    if (is_matrix(item.first) && kept.count(item.first) == 0) gone.push_back(item.first);
  }
  tensors taken = matrices;
  taken.insert(taken.end(), norms_and_biases.begin(), norms_and_biases.end());
  model.exchange(taken, gone, scale);
}

result<void> adapter_set::use(const std::string& name, multimodal& model) {
  const auto known = adapters_.find(name);
  if (known == adapters_.end()) {
    std::string there;
    for (const std::string& n : names()) there += (there.empty() ? "" : ", ") + n;
    return error{errc::not_found, "adapter " + in_quotes(name) + ": there are [" + there + "]"};
  }
  change(model, known->second.matrices, known->second.norms_and_biases, known->second.scale);
  in_use_ = name;
  return {};
}

void adapter_set::use_none(multimodal& model) {
  change(model, {}, base_, 0);
  in_use_.clear();
}

std::vector<std::string> adapter_set::names() const {
  std::vector<std::string> out;
  for (const auto& item : adapters_) out.push_back(item.first);
  return out;
}

const lora_adapter* adapter_set::find(const std::string& name) const {
  const auto known = adapters_.find(name);
  return known == adapters_.end() ? nullptr : &known->second;
}

}  // namespace freshet::model
