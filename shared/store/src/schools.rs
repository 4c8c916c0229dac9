//! Schools, their pupils and the blocks of their notice numbers.

use aws_sdk_dynamodb::types::ReturnValue;
use domain::{EntityCode, IuvBase, Name, Personal, Pupil, PupilId, School, SegregationCode};
use serde::{Deserialize, Serialize};

use crate::{
    Page, Store, StoreError,
    key::{Key, by_school},
    notices::cursor_from,
    table::{If, Item, With, body, item, number, text},
};

#[derive(Serialize, Deserialize)]
struct PupilRecord {
    id: PupilId,
    school: EntityCode,
    name: Name,
    surname: Name,
    /// Sealed with the school's key.
    fiscal_code: String,
    class: String,
}

impl Store {
    /// 1 GetItem (strong).
    pub async fn school(&self, code: &EntityCode) -> Result<Option<School>, StoreError> {
        self.table.get(&Key::School(code)).await?.map(body).transpose()
    }

    /// Sets a school up or changes its data. 1 PutItem.
    pub async fn save_school(&self, school: &School) -> Result<(), StoreError> {
        self.table.put(item(&Key::School(&school.fiscal_code), school)?, If::Always).await?;
        Ok(())
    }

    /// 1 GetItem (strong).
    pub async fn pupil(&self, id: &PupilId) -> Result<Option<Pupil>, StoreError> {
        self.table.get(&Key::Pupil(id)).await?.map(|item| self.pupil_from(item)).transpose()
    }

    /// 1 PutItem, and the index.
    pub async fn save_pupil(&self, pupil: &Pupil) -> Result<(), StoreError> {
        let record = PupilRecord {
            id: pupil.id.clone(),
            school: pupil.school.clone(),
            name: pupil.name.reveal().clone(),
            surname: pupil.surname.reveal().clone(),
            fiscal_code: self.vault()?.seal_text(pupil.school.as_str(), pupil.fiscal_code.reveal().as_str())?,
            class: pupil.class.clone(),
        };
        let item = item(&Key::Pupil(&pupil.id), &record)?
            .with("G2PK", text(by_school(&pupil.school, "PUPILS")))
            .with("G2SK", text(format!("{}#{}", pupil.class, pupil.id)));
        self.table.put(item, If::Always).await?;
        Ok(())
    }

    /// The pupils of a school by class, from the index. 1 Query a page; a large school fits one.
    pub async fn pupils(&self, school: &EntityCode, after: Option<&str>) -> Result<Page<Pupil>, StoreError> {
        const PAGE: i32 = 1_500; // about half of the megabyte that a Query answers at most
        let answer = self
            .table
            .db
            .query()
            .table_name(&self.table.name)
            .index_name("by-school")
            .key_condition_expression("G2PK = :pk")
            .expression_attribute_values(":pk", text(by_school(school, "PUPILS")))
            .limit(PAGE)
            .set_exclusive_start_key(after.map(cursor_from).transpose()?)
            .send()
            .await?;
        let next = answer.last_evaluated_key.as_ref().map(crate::notices::cursor).transpose()?;
        let items: Result<Vec<Pupil>, StoreError> =
            answer.items.unwrap_or_default().into_iter().map(|item| self.pupil_from(item)).collect();
        Ok(Page { items: items?, next })
    }

    /// Reserves `count` notice numbers: the first of them. Gaps are fine, reuse is not. 1 UpdateItem.
    pub async fn reserve_numbers(
        &self,
        school: &EntityCode,
        segregation: SegregationCode,
        count: u64,
    ) -> Result<u64, StoreError> {
        let (pk, sk) = Key::Numbers(school, segregation).pair();
        let answer = self
            .table
            .db
            .update_item()
            .table_name(&self.table.name)
            .key("PK", text(pk))
            .key("SK", text(sk))
            .update_expression("ADD used :count")
            .condition_expression("attribute_not_exists(used) OR used <= :max")
            .expression_attribute_values(":count", number(count))
            .expression_attribute_values(":max", number(IuvBase::MAX - count))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await?;
        let used = answer
            .attributes
            .and_then(|attributes| attributes.get("used").and_then(|used| used.as_n().ok()?.parse::<u64>().ok()))
            .ok_or(StoreError::Corrupt("an allocator without its counter"))?;
        Ok(used - count)
    }

    fn pupil_from(&self, item: Item) -> Result<Pupil, StoreError> {
        let record: PupilRecord = body(item)?;
        let code = self.vault()?.open_text(record.school.as_str(), &record.fiscal_code)?;
        Ok(Pupil {
            id: record.id,
            school: record.school,
            name: Personal::new(record.name),
            surname: Personal::new(record.surname),
            fiscal_code: Personal::new(code.parse().map_err(|_| StoreError::Corrupt("a pupil's fiscal code"))?),
            class: record.class,
        })
    }
}
