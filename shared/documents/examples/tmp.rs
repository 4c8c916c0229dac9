use documents::*;
fn main(){
 let r = Receipt{ school: School{name:"Istituto Comprensivo Esempio".into(), fiscal_code:"80124890155".parse().unwrap(), code:None,address:Some("via x".into()),contacts:None}, debtor: Party{name:"Niccolò".into(),fiscal_code:None}, payer:None, reason:"Visita guidata".into(), amount:Some("45.5".parse().unwrap()), number:"312260000000004289".parse().unwrap(), iuv:"12260000000004289".into(), receipt_id:"c110729d258c4ab1b765fe902aae41d6".into(), psp_name:"Banca".into(), psp_code:"98765430586".into(), paid_at:None, application_date:None, fee:None, method:None, stand_in:false, recorded_at:"2026-11-20T16:48:30Z".parse().unwrap()};
 let t=std::time::Instant::now(); let _=receipt(&r); let first=t.elapsed();
 let t=std::time::Instant::now(); for _ in 0..300 { receipt(&r).unwrap(); } 
 eprintln!("first {first:?}, each {:?}", t.elapsed()/300);
}
