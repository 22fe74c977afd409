// What headers alone tell must be what the loaded model is.
#include "kernels/model/inspection.hpp"

#include <gtest/gtest.h>

#include "kernels/model/line.hpp"
#include "kernels/model/multimodal.hpp"
#include "tests/support/golden_model.hpp"

namespace freshet::model {
namespace {

std::string folder_of(const std::string& name) { return std::string(FRESHET_TEST_DATA) + "/hf/" + name; }

lora_spec adapters() {
  lora_spec spec;
  spec.targets = {"q_proj", "v_proj", "fc1", "qkv"};
  return spec;
}

class inspected : public ::testing::TestWithParam<const char*> {};

TEST_P(inspected, is_what_is_loaded) {
  const auto found = inspect_model(folder_of(GetParam()), adapters());
  ASSERT_TRUE(found.ok()) << found.err().text();
  multimodal net = multimodal::load(folder_of(GetParam())).value();
  EXPECT_EQ(found->values, net.weights().count_values());
  EXPECT_EQ(found->dtypes, std::vector<std::string>{"F32"});
  std::int64_t sum = 0;
  std::int64_t listed = 0;
  for (const auto& p : found->parts) {
    sum += p.values;
    listed += p.tensors;
  }
  EXPECT_EQ(sum, found->values);
  EXPECT_EQ(listed, static_cast<std::int64_t>(net.weights().all().size()));
  EXPECT_EQ(found->memory.f32, 4 * static_cast<std::uint64_t>(found->values));
  EXPECT_EQ(found->memory.bf16, 2 * static_cast<std::uint64_t>(found->values));
  EXPECT_LT(found->memory.bits8, found->memory.bf16);
  EXPECT_LT(found->memory.bits4, found->memory.bits8);

  ASSERT_TRUE(net.attach(adapters()).ok());
  const trainable_set trained = trainable_set::of(net.weights());
  EXPECT_EQ(found->trainable.values, static_cast<std::int64_t>(trained.size()));
  EXPECT_EQ(found->trainable.tensors, static_cast<std::int64_t>(trained.tensors().size()));
  const auto hashes = hash_model(folder_of(GetParam()), adapters());
  ASSERT_TRUE(hashes.ok()) << hashes.err().text();
  EXPECT_EQ(hashes->base_hash, net.base_hash());
  EXPECT_EQ(hashes->line, line_of(net, adapters()));
}

INSTANTIATE_TEST_SUITE_P(architectures, inspected, ::testing::ValuesIn(test::golden_models),
                         [](const auto& p) { return std::string(p.param); });

TEST(inspection, of_llava_part_by_part) {
  const auto found = inspect_model(folder_of("llava_clip_llama"), adapters());
  ASSERT_TRUE(found.ok()) << found.err().text();
  EXPECT_EQ(found->class_name, "LlavaForConditionalGeneration");
  ASSERT_EQ(found->parts.size(), 5U);
  EXPECT_EQ(found->parts[1].name, "connector");
  EXPECT_EQ(found->parts[1].values, 32 * 48 + 48 + 48 * 48 + 48);
  EXPECT_EQ(found->parts[2].values, 300 * 48);
  EXPECT_EQ(found->parts[4].name, "head");
  EXPECT_EQ(found->unused_tensors, 2U);  // post_layernorm
  EXPECT_EQ(found->values, 106928 - 64);
  EXPECT_EQ(found->trainable.adapted_layers, 3 * 3 + 2 * 2);
}

TEST(inspection, of_few_bits_is_what_quantising_stores) {
  // Of Llama 48 wide, 16 rows a panel and 32 columns a block: 8 bits pad 48 columns to 64, and an f32 a row; 4 bits take
  // only the 96 columns of down_proj, in three groups with a bf16 each; 48 columns no group divides. Two
  // layers; 300 words twice, padded to 304 rows.
  const auto found = inspect_model(folder_of("llama"), adapters());
  ASSERT_TRUE(found.ok()) << found.err().text();
  // q and o have 48 rows, k and v 24 (padded to 32), gate and up 96.
  const std::uint64_t rows_48 = 2 * (48 + 32 + 32 + 48 + 96 + 96);
  const std::uint64_t words = 2 * 304 * (64 + 4);
  const std::uint64_t norms = 4 * 5 * 48;
  EXPECT_EQ(found->memory.bits8, rows_48 * (64 + 4) + 2 * 48 * (96 + 4) + words + norms);
  EXPECT_EQ(found->memory.bits4, rows_48 * (64 + 4) + 2 * 48 * (48 + 3 * 2) + words + norms);
  EXPECT_EQ(found->memory.bf16 * 2, found->memory.f32);
}

TEST(inspection, without_a_layer_to_adapt_there_is_no_line) {
  lora_spec none;
  none.targets = {"nowhere"};
  const auto found = inspect_model(folder_of("llama"), none);
  ASSERT_TRUE(found.ok()) << found.err().text();
  EXPECT_EQ(found->trainable.adapted_layers, 0);
  EXPECT_EQ(found->trainable.values, 5 * 48);
  EXPECT_EQ(hash_model(folder_of("llama"), none).err().code, errc::not_found);
  EXPECT_EQ(inspect_model(folder_of("nowhere"), none).err().code, errc::not_found);
}

}  // namespace
}  // namespace freshet::model
