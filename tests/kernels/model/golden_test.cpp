// Against the numbers of the reference implementation (tests/data/hf): everything that a model of each
// architecture computes, forwards and backwards. Tolerances: tests/data/hf/README.md.
#include <gtest/gtest.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "kernels/model/generate.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/model/trainable_set.hpp"
#include "tests/support/golden_model.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/largest_difference.hpp"

namespace freshet::model {
namespace {

using test::largest_difference;

constexpr double state_tolerance = 5e-5;
constexpr double loss_tolerance = 1e-5;
constexpr double gradient_tolerance = 1e-5;

class golden : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { g_ = std::make_unique<test::golden_model>(GetParam()); }
  std::unique_ptr<test::golden_model> g_;
};

TEST_P(golden, states_logits_and_losses) {
  const at::NoGradGuard no_grad;
  const auto cases = g_->cases();
  ASSERT_GE(cases.size(), 2U);
  std::size_t with_features = 0;
  for (const std::string& name : cases) {
    if (g_->wants(name + ".image_features")) {
      ++with_features;
      const auto tokens = picture_tokens(g_->net, g_->prompt(name));
      ASSERT_TRUE(tokens.ok()) << tokens.err().text();
      const at::Tensor want = g_->wanted(name + ".image_features");
      EXPECT_LT(largest_difference(*tokens, want.reshape({-1, want.size(-1)})), state_tolerance) << name;
    }
    const sequence s = g_->read(name);
    std::vector<at::Tensor> states;
    const at::Tensor hidden = read_sequence(g_->net.text_decoder(), s, &states);
    const at::Tensor mask = s.valid.unsqueeze(-1);
    ASSERT_TRUE(g_->wants(name + ".text_hidden_states." + std::to_string(states.size() - 1)));
    for (std::size_t i = 0; i < states.size(); ++i) {
      const at::Tensor want = g_->wanted(name + ".text_hidden_states." + std::to_string(i));
      EXPECT_LT(largest_difference(states[i] * mask, want * mask), state_tolerance) << name << " state " << i;
    }
    EXPECT_LT(largest_difference(g_->net.logits(hidden) * mask, g_->wanted(name + ".logits") * mask), state_tolerance)
        << name;
    EXPECT_NEAR(g_->loss(name).item<double>(), g_->wanted(name + ".loss").item<double>(), loss_tolerance) << name;
  }
  EXPECT_EQ(with_features > 0, g_->net.config().vision.has_value());
}

class golden_tower : public golden {};  // the reference lists no states of Qwen2-VL's

TEST_P(golden_tower, states) {
  const at::NoGradGuard no_grad;
  const vision_config& v = *g_->net.config().vision;
  std::size_t compared = 0;
  for (const std::string& name : g_->cases()) {
    if (!g_->wants(name + ".vision_hidden_states.0")) continue;
    ++compared;
    at::Tensor pixels = g_->given(name + ".pixel_values");
    visual_input in;
    if (v.kind == vision_kind::idefics3) {
      pixels = pixels.flatten(0, 1);
      pixels = pixels.index_select(0, pixels.flatten(1).ne(0).any(1).nonzero().squeeze(1));
      const at::Tensor real = g_->wanted(name + ".patch_attention_mask").ne(0);
      in.positions = spread_positions(real, v.grid());
      in.valid = real.flatten(1);
    }
    in.patches = to_patches(pixels, v.patch_size);
    const auto states = g_->net.tower().hidden_all(in);
    for (std::size_t i = 0; i < states.size(); ++i) {
      const at::Tensor want = g_->wanted(name + ".vision_hidden_states." + std::to_string(i));
      EXPECT_LT(largest_difference(states[i], want), state_tolerance) << name << " state " << i;
    }
    if (v.kind != vision_kind::idefics3) continue;  // there the last norm is part of what goes on
    EXPECT_LT(largest_difference(g_->net.tower().features(in, -1), g_->wanted(name + ".vision_last_hidden_state")),
              state_tolerance);
  }
  EXPECT_GT(compared, 0U);
}

TEST_P(golden, gradients) {
  for (const auto& item : g_->net.weights().all()) item.second.set_requires_grad(true);
  for (const std::string name : {"single", "batch_right"}) {
    for (const auto& item : g_->net.weights().all()) item.second.mutable_grad() = at::Tensor();
    torch::autograd::backward({g_->loss(name)}, {});
    std::size_t compared = 0;
    double squares = 0;
    const std::string norm = name + ".grad_norm.";
    const std::string whole = name + ".grad.";
    for (const auto& entry : g_->expected.tensors()) {
      const bool is_norm = entry.name.compare(0, norm.size(), norm) == 0;
      if (!is_norm && entry.name.compare(0, whole.size(), whole) != 0) continue;
      const std::string parameter = g_->net.spelling().in_program(entry.name.substr((is_norm ? norm : whole).size()));
      ASSERT_TRUE(g_->net.weights().has(parameter)) << entry.name;
      const at::Tensor gradient = g_->net.weights().at(parameter).grad();
      ASSERT_TRUE(gradient.defined()) << parameter;
      if (is_norm) {
        EXPECT_NEAR(gradient.norm().item<double>(), g_->wanted(entry.name).item<double>(), gradient_tolerance)
            << entry.name;
        squares += gradient.square().sum().item<double>();
        ++compared;
      } else {
        EXPECT_LT(largest_difference(gradient, g_->wanted(entry.name)), gradient_tolerance) << entry.name;
      }
    }
    EXPECT_GT(compared, 15U);
    std::size_t with_gradient = 0;
    for (const auto& item : g_->net.weights().all()) with_gradient += item.second.grad().defined() ? 1 : 0;
    EXPECT_EQ(with_gradient, compared) << name << ": others got a gradient as well";
    if (name == "single") {
      EXPECT_NEAR(std::sqrt(squares), g_->wanted("single.grad_norm_total").item<double>(), gradient_tolerance);
    }
  }
}

TEST_P(golden, greedy_answers_of_padded_prompts) {
  generation_options options;
  options.max_new_tokens = 12;
  const auto& ends = g_->net.config().end_tokens();
  ASSERT_EQ(ends, std::vector<std::int32_t>{2});
  for (const std::string name : {"single_prompt", "batch_left_prompt"}) {
    const generated got = generate(g_->net, g_->read(name), options);
    const at::Tensor want = g_->wanted(name + ".generated");
    const at::Tensor want_logits = g_->wanted(name + ".generated_logits");
    for (std::int64_t row = 0; row < want.size(0); ++row) {
      std::vector<std::int32_t> tokens;
      for (std::int64_t step = 0; step < want.size(1); ++step) {
        tokens.push_back(static_cast<std::int32_t>(want[row][step].item<std::int64_t>()));
        EXPECT_LT(largest_difference(got.logits[row][step], want_logits[row][step]), state_tolerance)
            << name << " row " << row << " step " << step;
        if (tokens.back() == ends.front()) break;
      }
      EXPECT_EQ(got.tokens[static_cast<std::size_t>(row)], tokens) << name << " row " << row;
    }
  }
}

TEST_P(golden, adapters_change_nothing_at_first_and_copies_are_independent) {
  const at::NoGradGuard no_grad;
  const at::Tensor before = g_->logits("single");
  lora_spec spec;
  spec.targets = {"q_proj", "v_proj", "qkv", "fc1", "proj", "linear_1"};
  ASSERT_TRUE(g_->net.attach(spec).ok());
  EXPECT_EQ(largest_difference(g_->logits("single"), before), 0);
  const multimodal copy = g_->net.clone();
  for (const auto& [name, value] : g_->net.weights().all()) {
    if (name.find("lora_B") != std::string::npos) at::Tensor(value).fill_(0.05);
  }
  EXPECT_GT(largest_difference(g_->logits("single"), before), 1e-3);
  const auto read = read_prompt(copy, g_->prompt("single"));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(largest_difference(copy.logits(read_sequence(copy.text_decoder(), *read)), before), 0);
}

TEST_P(golden, students_on_the_same_base_share_what_no_update_changes) {
  const at::NoGradGuard no_grad;
  lora_spec spec;
  spec.targets = {"q_proj", "v_proj", "qkv", "fc1", "proj", "linear_1"};
  ASSERT_TRUE(g_->net.attach(spec).ok());
  const at::Tensor before = g_->logits("single");
  const multimodal copy = g_->net.on_the_same_base();
  const trainable_set own = trainable_set::of(copy.weights());
  std::set<std::string> changes;
  for (const auto& t : own.tensors()) changes.insert(t.name);
  for (const auto& [name, value] : copy.weights().all()) {
    EXPECT_EQ(value.data_ptr() == g_->net.weights().at(name).data_ptr(), changes.count(name) == 0) << name;
  }
  // What an update writes into one reaches no other.
  const host_tensor values = own.read();
  std::vector<float> moved(values.as<float>(), values.as<float>() + values.items());
  for (float& v : moved) v += 0.05F;
  ASSERT_TRUE(own.write(host_tensor::of(std::move(moved))).ok());
  EXPECT_EQ(largest_difference(g_->logits("single"), before), 0);
  const auto read = read_prompt(copy, g_->prompt("single"));
  ASSERT_TRUE(read.ok());
  EXPECT_GT(largest_difference(copy.logits(read_sequence(copy.text_decoder(), *read)), before), 1e-3);
}

TEST_P(golden, fresh_weights_survive_a_file) {
  const at::NoGradGuard no_grad;
  const multimodal fresh = multimodal::random(g_->net.config(), 4);
  const test::temporary_folder made;
  const auto& folder = made.path();
  ASSERT_TRUE(fresh.save(folder).ok());
  const auto again = multimodal::load(folder);
  ASSERT_TRUE(again.ok()) << again.err().text();
  EXPECT_EQ(again->base_hash(), fresh.base_hash());
  const auto read = read_prompt(*again, g_->prompt("single"));
  ASSERT_TRUE(read.ok()) << read.err().text();
  const at::Tensor logits = again->logits(read_sequence(again->text_decoder(), *read));
  EXPECT_TRUE(logits.isfinite().all().item<bool>());
  EXPECT_GT(logits.std().item<double>(), 1e-3);
}

// Under the names of the file, with what nothing here uses.
TEST_P(golden, saving_writes_what_was_read) {
  const test::temporary_folder made;
  const auto& folder = made.path();
  ASSERT_TRUE(g_->net.save(folder).ok());
  const auto before = safetensors_file::open(g_->folder + "/model.safetensors").value();
  const auto after = safetensors_file::open(folder / "model.safetensors").value();
  EXPECT_EQ(after.tensors().size(), before.tensors().size());
  for (const auto& entry : before.tensors()) {
    ASSERT_NE(after.find(entry.name), nullptr) << entry.name;
    EXPECT_EQ(after.get(entry.name).value(), before.get(entry.name).value()) << entry.name;
  }
  const auto again = multimodal::load(folder);
  ASSERT_TRUE(again.ok()) << again.err().text();
  EXPECT_EQ(again->config(), g_->net.config());
  EXPECT_EQ(again->config().end_tokens(), g_->net.config().end_tokens());
  EXPECT_EQ(again->base_hash(), g_->net.base_hash());
}

INSTANTIATE_TEST_SUITE_P(architectures, golden, ::testing::ValuesIn(test::golden_models),
                         [](const auto& p) { return std::string(p.param); });
INSTANTIATE_TEST_SUITE_P(architectures, golden_tower,
                         ::testing::Values("llava_clip_llama", "llava_siglip_qwen2", "idefics3", "smolvlm"),
                         [](const auto& p) { return std::string(p.param); });

TEST(golden_text_only, a_decoder_alone_answers_through_the_engine) {
  const test::golden_model g("llama");
  const at::Tensor ids = g.given("single_prompt.input_ids")[0];
  ASSERT_EQ(ids[0].item<std::int64_t>(), g.net.prefix().at(0));
  std::vector<std::int32_t> prompt;
  for (std::int64_t i = 1; i < ids.numel(); ++i) prompt.push_back(static_cast<std::int32_t>(ids[i].item<std::int64_t>()));
  generation_options options;
  options.max_new_tokens = 12;
  const generated got = generate(g.net, g.net.no_picture(1), {}, {prompt}, options);
  const at::Tensor want = g.wanted("single_prompt.generated")[0];
  ASSERT_EQ(got.tokens[0].size(), 12U);
  for (std::int64_t i = 0; i < 12; ++i) EXPECT_EQ(got.tokens[0][static_cast<std::size_t>(i)], want[i].item<std::int64_t>());
}

TEST(golden_positions, of_grids_and_of_text_behind_them) {
  const test::golden_model g("qwen2_vl");
  for (const std::string name : {"single", "batch_right"}) {
    const sequence s = g.read(name);
    const at::Tensor valid = s.valid.unsqueeze(0);
    EXPECT_TRUE((s.positions * valid).equal(g.wanted(name + ".position_ids") * valid)) << name;
    EXPECT_TRUE((s.next - s.valid.size(1)).equal(g.wanted(name + ".rope_deltas"))) << name;
  }
}

TEST(golden_positions, of_pictures_that_fill_a_part_of_the_grid) {
  const auto file =
      safetensors_file::open(std::string(FRESHET_TEST_DATA) + "/hf/idefics3_position_ids/expected.safetensors").value();
  ASSERT_GT(file.tensors().size(), 20U);
  for (const auto& entry : file.tensors()) {
    int side = 0;
    int rows = 0;
    int columns = 0;
    ASSERT_EQ(std::sscanf(entry.name.c_str(), "side%d.h%d.w%d", &side, &rows, &columns), 3) << entry.name;
    at::Tensor real = at::zeros({1, side, side}, at::kBool);
    real.narrow(1, 0, rows).narrow(2, 0, columns).fill_(true);
    const at::Tensor want = to_torch(file.get(entry.name).value()).reshape({1, -1});
    EXPECT_TRUE(spread_positions(real, side).equal(want)) << entry.name;
  }
}

// What the engine does with whole pictures is what a prompt with one of them does.
class engine_and_prompt : public ::testing::TestWithParam<const char*> {};

TEST_P(engine_and_prompt, agree) {
  const at::NoGradGuard no_grad;
  at::manual_seed(8);
  test::golden_model g(GetParam());
  const vision_config& v = *g.net.config().vision;
  const at::Tensor pixels = at::randn({1, 3, v.image_size, v.image_size});
  visual_input cells;
  cells.patches = to_patches(pixels, v.cell_size());
  const at::Tensor tokens = g.net.visual_tokens(cells);
  ASSERT_EQ(tokens.size(1), g.net.config().image_tokens());
  // The whole grid named by its positions is the whole grid.
  cells.positions = at::arange(v.cells(), at::kLong).unsqueeze(0);
  EXPECT_LT(largest_difference(g.net.visual_tokens(cells), tokens), 1e-6);

  prompt_input prompt;
  std::vector<std::int64_t> ids{1, 7};
  ids.insert(ids.end(), static_cast<std::size_t>(tokens.size(1)), g.net.config().projector->image_token_id);
  ids.insert(ids.end(), {9, 11, 20});
  prompt.ids = at::tensor(ids, at::kLong).unsqueeze(0);
  prompt.pixels = pixels;
  if (v.kind == vision_kind::idefics3) prompt.pixels = pixels.unsqueeze(0);
  if (v.kind == vision_kind::qwen2_vl) {
    // As its processor lays patches out: cell after cell, [channel, frame, row, column].
    const std::int64_t m = v.merge;
    const std::int64_t c = v.cell_grid();
    prompt.pixels = pixels.reshape({3, c, m, v.patch_size, c, m, v.patch_size})
                        .permute({1, 4, 2, 5, 0, 3, 6})
                        .unsqueeze(5)
                        .expand({c, c, m, m, 3, v.temporal_patch, v.patch_size, v.patch_size})
                        .reshape({v.patches(), -1});
    prompt.grids = at::tensor(std::vector<std::int64_t>{1, v.grid(), v.grid()}, at::kLong).unsqueeze(0);
  }
  const auto read = read_prompt(g.net, prompt);
  ASSERT_TRUE(read.ok()) << read.err().text();
  EXPECT_LT(largest_difference(read->embeds.narrow(1, 2, tokens.size(1)), tokens), state_tolerance);

  g.net.set_prefix({1, 7});
  const at::Tensor whole = read_sequence(g.net.text_decoder(), *read).narrow(1, 2 + tokens.size(1), 3);
  EXPECT_LT(largest_difference(g.net.text_hidden(tokens, {}, pack_blocks({{{9, 11, 20}}})), whole), state_tolerance);
  generation_options options;
  options.max_new_tokens = 4;
  options.want_relevance = true;
  const generated a = generate(g.net, tokens, {}, {{9, 11, 20}}, options);
  const generated b = generate(g.net, *read, options);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_LT(largest_difference(a.relevance, b.relevance.narrow(1, 2, tokens.size(1))), state_tolerance);
}

TEST_P(engine_and_prompt, cells_in_any_order_and_padded_give_the_same) {
  const at::NoGradGuard no_grad;
  at::manual_seed(9);
  const test::golden_model g(GetParam());
  const vision_config& v = *g.net.config().vision;
  visual_input whole;
  whole.patches = to_patches(at::randn({1, 3, v.image_size, v.image_size}), v.cell_size());
  const std::int64_t k = whole.patches.size(1);
  const auto question = pack_blocks({{{9, 11, 20}}});
  // Every cell but one; the same with that one there and padded away.
  const at::Tensor kept = at::arange(k - 1, -1, -1, at::kLong).narrow(0, 0, k - 1);
  visual_input some;
  some.patches = whole.patches.index_select(1, kept);
  some.positions = kept.unsqueeze(0);
  visual_input padded;
  padded.patches = at::cat({some.patches, at::randn({1, 1, some.patches.size(2)})}, 1);
  padded.positions = at::cat({some.positions, at::zeros({1, 1}, at::kLong)}, 1);
  padded.valid = at::cat({at::ones({1, k - 1}, at::kBool), at::zeros({1, 1}, at::kBool)}, 1);
  const at::Tensor a = g.net.visual_tokens(some);
  const at::Tensor b = g.net.visual_tokens(padded);
  EXPECT_LT(largest_difference(a, b.narrow(1, 0, k - 1)), state_tolerance);
  EXPECT_LT(largest_difference(g.net.text_hidden(a, {}, question, some.positions),
                               g.net.text_hidden(b, padded.valid, question, padded.positions)),
            state_tolerance);
  // Another cell away is another answer: positions are not ignored.
  some.positions = (kept - 1).unsqueeze(0);
  EXPECT_GT(largest_difference(a, g.net.visual_tokens(some)), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(architectures, engine_and_prompt,
                         ::testing::Values("llava_clip_llama", "llava_siglip_qwen2", "idefics3", "smolvlm", "qwen2_vl"),
                         [](const auto& p) { return std::string(p.param); });

TEST(prompt, what_does_not_fit_is_said) {
  const at::NoGradGuard no_grad;
  const test::golden_model g("qwen2_vl");
  const auto problem = [&](const prompt_input& in) {
    const auto read = read_prompt(g.net, in);
    EXPECT_FALSE(read.ok());
    return read.ok() ? "" : read.err().text();
  };
  prompt_input in = g.prompt("single");
  in.ids = in.ids.narrow(1, 0, 8);
  in.mask = in.mask.narrow(1, 0, 8);
  EXPECT_NE(problem(in).find("placeholders for 12 visual tokens"), std::string::npos) << problem(in);
  in = g.prompt("single");
  in.pixels = in.pixels.narrow(0, 0, 40);
  EXPECT_NE(problem(in).find("fewer patches than the grids say"), std::string::npos);
  in = g.prompt("single");
  in.grids[0][1] = 3;
  EXPECT_NE(problem(in).find("wants multiples of 2"), std::string::npos);
  in = g.prompt("single");
  in.ids[0][0] = 300;
  EXPECT_NE(problem(in).find("ids must lie in 0 to 299"), std::string::npos);
  in = g.prompt("batch_right");
  in.grids = in.grids.index_select(0, at::tensor(std::vector<std::int64_t>{1, 0, 2}, at::kLong));
  EXPECT_FALSE(problem(in).empty());
}

}  // namespace
}  // namespace freshet::model
